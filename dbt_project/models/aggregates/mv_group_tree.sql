{#- Who may see a group's costs may see those of all groups below it: the API's views read it by its second index. -#}
{{ config(indexes=[
    {'columns': ['ancestor_key', 'group_id'], 'unique': true},
    {'columns': ['ancestor_key']}
]) }}

with team_groups as (

    select * from {{ ref('dim_group') }}

),

climbed as (

    select
        lower(path.ancestor_id) as ancestor_key,
        team_groups.group_id,
        cast(cardinality(team_groups.group_path) - path.number as integer) as depth
    from team_groups
    cross join lateral unnest(team_groups.group_path) with ordinality as path (ancestor_id, number)

    union all

    -- costs without an owner are of this group, whoever describes it
    select
        'unallocated' as ancestor_key,
        'unallocated' as group_id,
        0 as depth
    where
        not exists (
            select from team_groups
            where group_id = 'unallocated'
        )

)

select * from climbed
