{#- Never dropped: see dim_application. -#}
{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='append_new_columns',
    full_refresh=false,
    pre_hook="{% if is_incremental() %}delete from {{ this }}{% endif %}"
) }}

with rates as (

    select * from {{ ref('int_fx_rates') }}

),

named as (

    select
        period,
        from_currency,
        '{{ setting("reporting_currency") }}' as to_currency,
        rate,
        is_assumed
    from rates

)

select * from named
