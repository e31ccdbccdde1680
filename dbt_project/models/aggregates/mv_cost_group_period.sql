{{ config(indexes=[{'columns': ['period', 'group_id', 'currency'], 'unique': true}]) }}

with releves as (

    select * from {{ ref('fact_releve') }}

),

applications as (

    select * from {{ ref('dim_application') }}

),

owned as (

    select
        releves.period,
        releves.currency,
        releves.total_cost,
        releves.is_estimated,
        coalesce(applications.group_id, 'unallocated') as group_id
    from releves
    left join applications on releves.application_id = applications.application_id

),

costs as (

    select
        period,
        group_id,
        currency,
        sum(total_cost) as total_cost,
        sum(total_cost) filter (where is_estimated) as estimated_cost,
        count(*) as releve_count
    from owned
    group by period, group_id, currency

)

select * from costs
