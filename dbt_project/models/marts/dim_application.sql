{#- Incremental so that the table is never dropped: the aggregates stand on it, and would go with it. -#}
{{ config(
    materialized='incremental',
    incremental_strategy='append',
    full_refresh=false,
    pre_hook="{% if is_incremental() %}delete from {{ this }}{% endif %}"
) }}

with applications as (

    select * from {{ ref('applications') }}

),

team_groups as (

    select * from {{ ref('groups') }}

),

named as (

    select
        applications.application_id,
        applications.application_name,
        team_groups.group_id,
        team_groups.group_name
    from applications
    left join team_groups on applications.group_id = team_groups.group_id

)

select * from named
