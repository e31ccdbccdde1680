{#- Never dropped: see dim_application. -#}
{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='append_new_columns',
    full_refresh=false,
    pre_hook="{% if is_incremental() %}delete from {{ this }}{% endif %}"
) }}

with prices as (

    select
        product_id,
        unit_price,
        currency,
        valid_from,
        valid_to
    from {{ source('reference', 'prices') }}

)

select * from prices
