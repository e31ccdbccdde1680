{#- Never dropped: see dim_application. -#}
{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='append_new_columns',
    full_refresh=false,
    pre_hook="{% if is_incremental() %}delete from {{ this }}{% endif %}"
) }}

with owners as (

    select
        application_id,
        group_id,
        valid_from,
        valid_to
    from {{ ref('int_application_owners') }}

)

select * from owners
