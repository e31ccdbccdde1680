{#- The second index is how an application's page asks; the third, a group's. -#}
{{ config(indexes=[
    {'columns': ['period', 'application_id', 'currency'], 'unique': true},
    {'columns': ['application_id', 'period']},
    {'columns': ['group_id', 'period']}
]) }}

with families as (

    select * from {{ ref('agg_app_family_month') }}

),

costs as (

    select
        period,
        application_id,
        group_id,
        currency,
        sum(total_cost) as total_cost,
        sum(estimated_cost) as estimated_cost,
        cast(sum(releve_count) as bigint) as releve_count
    from families
    group by period, application_id, group_id, currency

)

select * from costs
