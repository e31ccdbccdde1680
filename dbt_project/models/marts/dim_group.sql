{#- Never dropped: see dim_application. -#}
{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='append_new_columns',
    full_refresh=false,
    pre_hook="{% if is_incremental() %}delete from {{ this }}{% endif %}"
) }}

with recursive team_groups as (

    select * from {{ ref('int_groups') }}

),

ancestors as (

    select
        group_id,
        parent_group_id as next_id,
        array[group_id] as group_path
    from team_groups

    union all

    -- up to the top, or to a group that is its own ancestor
    select
        ancestors.group_id,
        team_groups.parent_group_id as next_id,
        ancestors.next_id || ancestors.group_path as group_path
    from ancestors
    inner join team_groups on ancestors.next_id = team_groups.group_id
    where ancestors.next_id <> all(ancestors.group_path)

),

paths as (

    select distinct on (group_id)
        group_id,
        group_path
    from ancestors
    order by group_id, cardinality(group_path) desc

),

described as (

    select
        team_groups.group_id,
        team_groups.group_name,
        team_groups.parent_group_id,
        paths.group_path,
        team_groups.is_active,
        team_groups.left_on
    from team_groups
    inner join paths on team_groups.group_id = paths.group_id

)

select * from described
