-- What the reference data says today of each key that a published (source, month) looked up in it.
with lookups as (

    select
        *,
        cast(period + interval '1 month' as date) as end_date
    from {{ source('finops', 'etl_scope_lookups') }}

),

applications as (

    select * from {{ ref('int_applications') }}

),

aliases as (

    select * from {{ source('reference', 'application_aliases') }}

),

products as (

    select * from {{ source('reference', 'products') }}

),

product_mappings as (

    select * from {{ source('reference', 'product_mappings') }}

),

prices as (

    select * from {{ source('reference', 'prices') }}

),

rates as (

    select * from {{ ref('int_fx_rates') }}

),

answers as (

    select
        lookups.source,
        lookups.period,
        cast(json_build_array(
            'application', lookups.key, coalesce(aliases.application_id, applications.application_id)
        ) as text) as answer
    from lookups
    left join applications on lookups.key = upper(applications.application_id)
    left join aliases on lookups.key = upper(aliases.alias)
    where lookups.kind = 'application'

    union all

    select
        lookups.source,
        lookups.period,
        cast(json_build_array('product', products.product_id, products.family, products.unit) as text) as answer
    from lookups
    inner join products on lookups.key = products.product_id
    where lookups.kind = 'product'

    union all

    -- of a price, what holds in the month: when it ends later changes nothing here
    select
        lookups.source,
        lookups.period,
        cast(json_build_array(
            'price', prices.product_id, trim_scale(prices.unit_price), prices.currency,
            greatest(prices.valid_from, lookups.period), least(prices.valid_to, lookups.end_date)
        ) as text) as answer
    from lookups
    inner join prices on lookups.key = prices.product_id
    where
        lookups.kind = 'product'
        and prices.valid_from < lookups.end_date
        and (prices.valid_to is null or prices.valid_to > lookups.period)

    union all

    select
        lookups.source,
        lookups.period,
        cast(json_build_array(
            'mapping', product_mappings.provider_name, product_mappings.sku_id, product_mappings.service_name,
            product_mappings.product_id, products.family
        ) as text) as answer
    from lookups
    inner join product_mappings on lookups.key = product_mappings.provider_name
    left join products on product_mappings.product_id = products.product_id
    where lookups.kind = 'provider'

    union all

    select
        lookups.source,
        lookups.period,
        cast(json_build_array('rate', rates.from_currency, trim_scale(rates.rate), rates.is_assumed) as text) as answer
    from lookups
    inner join rates on lookups.key = rates.from_currency and lookups.period = rates.period
    where lookups.kind = 'currency'

)

select * from answers
