{{ config(indexes=[
    {'columns': ['group_id', 'product_id', 'domain', 'family', 'source'], 'unique': true}
]) }}

with costs as (

    select * from {{ ref('agg_group_product_month') }}

),

products as (

    select * from {{ ref('dim_product') }}

),

consumed as (

    select
        group_id,
        domain,
        family,
        product_id,
        source,
        min(period) as first_period,
        max(period) as last_period
    from costs
    group by group_id, domain, family, product_id, source

),

named as (

    select
        consumed.*,
        coalesce(products.product_name, consumed.product_id) as product_name
    from consumed
    left join products on consumed.product_id = products.product_id

)

select * from named
