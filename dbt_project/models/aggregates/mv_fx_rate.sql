{#- Of what published lines have: `fx_missing: latest` gives every currency ten years of rates. -#}
{{ config(indexes=[{'columns': ['period', 'from_currency'], 'unique': true}]) }}

{% if not execute %}{% do ref('fact_releve') %}{% endif %}
with lookups as (

    select * from {{ source('finops', 'etl_scope_lookups') }}

),

rates as (

    select * from {{ ref('dim_fx_rate') }}

),

used as (

    select distinct
        period,
        key as currency
    from lookups
    where kind = 'currency'

),

rates_in_use as (

    select
        rates.period,
        rates.from_currency,
        rates.to_currency,
        rates.rate,
        rates.is_assumed
    from rates
    inner join used on rates.period = used.period and rates.from_currency = used.currency
    where rates.from_currency <> rates.to_currency

)

select * from rates_in_use
