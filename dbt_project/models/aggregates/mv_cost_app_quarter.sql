{{ config(indexes=[{'columns': ['quarter', 'application_id', 'currency'], 'unique': true}]) }}

with releves as (

    select * from {{ ref('fact_releve') }}

),

costs as (

    select
        cast(date_trunc('quarter', cast(period as timestamp)) as date) as quarter,
        application_id,
        currency,
        sum(total_cost) as total_cost,
        sum(estimated_cost) as estimated_cost,
        count(*) as releve_count
    from releves
    group by quarter, application_id, currency

)

select * from costs
