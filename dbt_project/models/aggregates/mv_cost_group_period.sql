{{ config(indexes=[{'columns': ['period', 'group_id', 'currency'], 'unique': true}]) }}

with releves as (

    select * from {{ ref('fact_releve') }}

),

owners as (

    select * from {{ ref('dim_application_owner') }}

),

owned as (

    select
        releves.period,
        releves.currency,
        releves.total_cost,
        releves.estimated_cost,
        coalesce(owners.group_id, 'unallocated') as group_id
    from releves
    left join owners
        on
            releves.application_id = owners.application_id
            and finops.owned_in_month(releves.period, owners.valid_from, owners.valid_to)

),

costs as (

    select
        period,
        group_id,
        currency,
        sum(total_cost) as total_cost,
        sum(estimated_cost) as estimated_cost,
        count(*) as releve_count
    from owned
    group by period, group_id, currency

)

select * from costs
