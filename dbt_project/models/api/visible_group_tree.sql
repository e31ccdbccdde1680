-- Only of ancestors that the caller may see: of any other, it would be a part of the tree, and look like all of it.
with visible as (

    {{ visible_to_caller(ref('mv_group'), ['group_key']) }}

),

tree as (

    select * from {{ ref('mv_group_tree') }}

),

visible_tree as (

    select
        tree.ancestor_key,
        tree.group_id,
        tree.depth
    from tree
    inner join visible on tree.ancestor_key = visible.group_key

)

select * from visible_tree
