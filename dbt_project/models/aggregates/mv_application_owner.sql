{{ config(indexes=[{'columns': ['application_id', 'valid_from'], 'unique': true}]) }}

with owners as (

    select * from {{ ref('dim_application_owner') }}

),

team_groups as (

    select * from {{ ref('dim_group') }}

),

named as (

    select
        owners.application_id,
        coalesce(owners.group_id, 'unallocated') as group_id,
        case when owners.group_id is null then 'Unallocated' else coalesce(team_groups.group_name, owners.group_id) end
            as group_name,
        owners.valid_from,
        owners.valid_to
    from owners
    left join team_groups on owners.group_id = team_groups.group_id

)

select * from named
