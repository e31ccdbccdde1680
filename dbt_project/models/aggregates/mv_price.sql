{{ config(indexes=[{'columns': ['product_id', 'valid_from'], 'unique': true}]) }}

with prices as (

    select * from {{ ref('dim_price') }}

),

products as (

    select * from {{ ref('dim_product') }}

),

named as (

    select
        prices.product_id,
        products.product_name,
        products.family,
        products.domain,
        products.unit,
        prices.unit_price,
        prices.currency,
        prices.valid_from,
        prices.valid_to
    from prices
    inner join products on prices.product_id = products.product_id

)

select * from named
