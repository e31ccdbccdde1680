{{ config(indexes=[
    {'columns': ['period', 'group_id', 'domain', 'family', 'source', 'currency'], 'unique': true},
    {'columns': ['group_id', 'period']}
]) }}

with products as (

    select * from {{ ref('agg_group_product_month') }}

),

costs as (

    select
        period,
        group_id,
        domain,
        family,
        source,
        currency,
        sum(total_cost) as total_cost,
        sum(estimated_cost) as estimated_cost,
        sum(unallocated_cost) as unallocated_cost,
        cast(sum(releve_count) as bigint) as releve_count
    from products
    group by period, group_id, domain, family, source, currency

)

select * from costs
