{{ config(indexes=[{'columns': ['period', 'domain', 'currency'], 'unique': true}]) }}

with releves as (

    select * from {{ ref('fact_releve') }}

),

costs as (

    select
        period,
        domain,
        currency,
        sum(total_cost) as total_cost,
        sum(estimated_cost) as estimated_cost,
        count(*) as releve_count
    from releves
    group by period, domain, currency

)

select * from costs
