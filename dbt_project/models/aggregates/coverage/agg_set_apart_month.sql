{#- What is kept beside the cost and is in none of it. -#}
{{ config(
    materialized='by_month',
    indexes=[
        {
            'columns': ['period', 'application_id', 'domain', 'family', 'product_id', 'source', 'charge_category', 'currency'],
            'unique': true
        },
        {'columns': ['group_id', 'period']}
    ]
) }}

-- The charges of a scope are replaced with its relevés.
{% if not execute %}{% do ref('fact_releve') %}{% endif %}
with charges as (

    select * from {{ source('finops', 'set_apart_charges') }}

),

owners as (

    select * from {{ ref('dim_application_owner') }}

),

set_apart as (

    select
        charges.period,
        charges.application_id,
        coalesce(owners.group_id, 'unallocated') as group_id,
        charges.domain,
        charges.family,
        charges.product_id,
        charges.source,
        charges.charge_category,
        charges.currency,
        sum(charges.total_cost) as set_apart_cost,
        count(*) as set_apart_line_count
    from charges
    left join owners
        on
            charges.application_id = owners.application_id
            and finops.owned_in_month(charges.period, owners.valid_from, owners.valid_to)
    group by 1, 2, 3, 4, 5, 6, 7, 8, 9

)

select * from set_apart
