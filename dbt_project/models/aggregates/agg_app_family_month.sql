{{ config(
    materialized='by_month',
    indexes=[
        {'columns': ['period', 'application_id', 'domain', 'family', 'currency'], 'unique': true},
        {'columns': ['group_id', 'period']}
    ]
) }}

with releves as (

    select * from {{ ref('fact_releve') }}

),

owners as (

    select * from {{ ref('dim_application_owner') }}

),

costs as (

    select
        period,
        application_id,
        domain,
        family,
        currency,
        sum(total_cost) as total_cost,
        sum(estimated_cost) as estimated_cost,
        count(*) as releve_count
    from releves
    group by period, application_id, domain, family, currency

),

owned as (

    select
        costs.period,
        costs.application_id,
        coalesce(owners.group_id, 'unallocated') as group_id,
        costs.domain,
        costs.family,
        costs.currency,
        costs.total_cost,
        costs.estimated_cost,
        costs.releve_count
    from costs
    left join owners
        on
            costs.application_id = owners.application_id
            and finops.owned_in_month(costs.period, owners.valid_from, owners.valid_to)

)

select * from owned
