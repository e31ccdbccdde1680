{{ config(indexes=[{'columns': ['group_key'], 'unique': true}]) }}

with team_groups as (

    select * from {{ ref('dim_group') }}

),

named as (

    select
        lower(group_id) as group_key,
        group_id,
        group_name,
        parent_group_id
    from team_groups

    union all

    -- costs without an owner are of this group, whoever describes it
    select
        'unallocated' as group_key,
        'unallocated' as group_id,
        'Unallocated' as group_name,
        cast(null as text) as parent_group_id
    where
        not exists (
            select from team_groups
            where group_id = 'unallocated'
        )

)

select * from named
