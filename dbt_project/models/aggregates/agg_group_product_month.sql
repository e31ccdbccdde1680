{{ config(
    materialized='by_month',
    indexes=[
        {
            'columns': [
                'period', 'group_id', 'domain', 'family', 'product_id', 'source', 'charge_category', 'usage_unit', 'currency'
            ],
            'unique': true
        },
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
        releves.period,
        coalesce(owners.group_id, 'unallocated') as group_id,
        releves.domain,
        releves.family,
        releves.product_id,
        releves.source,
        releves.charge_category,
        releves.usage_unit,
        releves.currency,
        sum(releves.usage_quantity) as usage_quantity,
        sum(releves.total_cost) as total_cost,
        sum(releves.estimated_cost) as estimated_cost,
        sum(releves.total_cost) filter (where releves.application_id = 'UNALLOCATED') as unallocated_cost,
        count(*) as releve_count,
        (array[
            {% for day in range(1, 32) -%}
                sum(releves.daily_cost[{{ day }}]){{ ',' if not loop.last }}
            {% endfor -%}
        ])[1:max(cardinality(releves.daily_cost))] as daily_cost
    from releves
    left join owners
        on
            releves.application_id = owners.application_id
            and finops.owned_in_month(releves.period, owners.valid_from, owners.valid_to)
    group by 1, 2, 3, 4, 5, 6, 7, 8, 9

)

select * from costs
