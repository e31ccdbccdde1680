{{ config(indexes=[{
    'columns': ['period', 'application_id', 'domain', 'family', 'product_id', 'source', 'usage_unit', 'currency'],
    'unique': true
}]) }}

with releves as (

    select * from {{ ref('fact_releve') }}

),

costs as (

    select
        period,
        application_id,
        domain,
        family,
        product_id,
        source,
        usage_unit,
        sum(usage_quantity) as usage_quantity,
        currency,
        sum(total_cost) as total_cost,
        sum(total_cost) filter (where is_estimated) as estimated_cost,
        count(*) as releve_count
    from releves
    group by period, application_id, domain, family, product_id, source, usage_unit, currency

)

select * from costs
