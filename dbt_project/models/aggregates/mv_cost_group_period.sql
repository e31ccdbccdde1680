{{ config(indexes=[{'columns': ['period', 'group_id', 'currency'], 'unique': true}]) }}

with months as (

    select * from {{ ref('mv_cost_app_month') }}

),

costs as (

    select
        period,
        group_id,
        currency,
        sum(total_cost) as total_cost,
        sum(estimated_cost) as estimated_cost,
        sum(total_cost) filter (where application_id = 'UNALLOCATED') as unallocated_cost,
        cast(sum(releve_count) as bigint) as releve_count
    from months
    group by period, group_id, currency

)

select * from costs
