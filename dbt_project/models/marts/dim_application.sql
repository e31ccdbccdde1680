{#- Incremental so that the table is never dropped: the aggregates stand on it, and would go with it. -#}
{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='append_new_columns',
    full_refresh=false,
    pre_hook="{% if is_incremental() %}delete from {{ this }}{% endif %}"
) }}

with applications as (

    select * from {{ ref('int_applications') }}

),

owners as (

    select * from {{ ref('int_application_owners') }}
    where valid_to is null

),

team_groups as (

    select * from {{ ref('int_groups') }}

),

named as (

    select
        applications.application_id,
        applications.application_name,
        team_groups.group_id,
        team_groups.group_name,
        applications.is_active,
        applications.left_on,
        applications.entity_ref,
        applications.system_ref
    from applications
    left join owners on applications.application_id = owners.application_id
    left join team_groups on owners.group_id = team_groups.group_id

)

select * from named
