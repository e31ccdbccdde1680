{{ config(indexes=[{'columns': ['period', 'group_id', 'currency'], 'unique': true}]) }}

with families as (

    select * from {{ ref('agg_app_family_month') }}

),

costs as (

    select
        period,
        group_id,
        currency,
        sum(total_cost) as total_cost,
        sum(estimated_cost) as estimated_cost,
        cast(sum(releve_count) as bigint) as releve_count
    from families
    group by period, group_id, currency

)

select * from costs
