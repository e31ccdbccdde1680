{#- The owner is the one that the aggregates have, so that they and these add up to the same. -#}
with releves as (

    select * from {{ ref('fact_releve') }}

),

owners as (

    select * from {{ ref('mv_cost_app_month') }}

),

owned as (

    select
        releves.period,
        releves.application_id,
        owners.group_id,
        releves.domain,
        releves.family,
        releves.product_id,
        releves.source,
        releves.charge_category,
        releves.usage_unit,
        releves.usage_quantity,
        releves.currency,
        releves.total_cost,
        releves.estimated_cost,
        releves.daily_cost
    from releves
    inner join owners
        on
            releves.application_id = owners.application_id
            and releves.period = owners.period
            and releves.currency = owners.currency

)

select * from owned
