{#- Incremental so that the table is never dropped: the aggregates stand on it, and would go with it. -#}
{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='append_new_columns',
    full_refresh=false,
    pre_hook="{% if is_incremental() %}delete from {{ this }}{% endif %}"
) }}

with products as (

    select * from {{ source('reference', 'products') }}

),

named as (

    select
        product_id,
        product_name,
        family,
        domain,
        unit
    from products

)

select * from named
