{{ config(indexes=[{'columns': ['period', 'family', 'currency'], 'unique': true}]) }}

with releves as (

    select * from {{ ref('fact_releve') }}

),

costs as (

    select
        period,
        family,
        currency,
        sum(total_cost) as total_cost,
        sum(estimated_cost) as estimated_cost,
        count(*) as releve_count
    from releves
    group by period, family, currency

)

select * from costs
