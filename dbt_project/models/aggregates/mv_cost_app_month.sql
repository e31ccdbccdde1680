{#- The second index is how an application's page asks; the third, a group's. -#}
{{ config(indexes=[
    {
        'columns': [
            'period', 'application_id', 'domain', 'family', 'product_id', 'source', 'charge_category', 'usage_unit', 'currency'
        ],
        'unique': true
    },
    {'columns': ['application_id', 'period']},
    {'columns': ['group_id', 'period']}
]) }}

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
        product_id,
        source,
        charge_category,
        usage_unit,
        sum(usage_quantity) as usage_quantity,
        currency,
        sum(total_cost) as total_cost,
        sum(estimated_cost) as estimated_cost,
        count(*) as releve_count,
        {{ summed_days() }} as daily_cost
    from releves
    group by period, application_id, domain, family, product_id, source, charge_category, usage_unit, currency

),

owned as (

    select
        costs.*,
        coalesce(owners.group_id, 'unallocated') as group_id
    from costs
    left join owners
        on
            costs.application_id = owners.application_id
            and finops.owned_in_month(costs.period, owners.valid_from, owners.valid_to)

)

select * from owned
