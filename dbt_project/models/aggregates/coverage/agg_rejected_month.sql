{{ config(
    materialized='by_month',
    indexes=[
        {'columns': ['period', 'application_id', 'domain', 'family', 'product_id', 'source'], 'unique': true},
        {'columns': ['group_id', 'period']}
    ]
) }}

-- The rejects of a scope are replaced with its relevés.
{% if not execute %}{% do ref('fact_releve') %}{% endif %}
with rejects as (

    select * from {{ source('finops', 'rejected_usage') }}

),

owners as (

    select * from {{ ref('dim_application_owner') }}

),

rejected as (

    select
        rejects.period,
        rejects.application_id,
        coalesce(owners.group_id, 'unallocated') as group_id,
        rejects.domain,
        rejects.family,
        rejects.product_id,
        rejects.source,
        '{{ setting("reporting_currency") }}' as currency,
        coalesce(sum(rejects.total_cost), 0) as rejected_cost,
        count(*) as rejected_line_count,
        count(*) filter (where rejects.total_cost is null) as unpriced_line_count
    from rejects
    left join owners
        on
            rejects.application_id = owners.application_id
            and finops.owned_in_month(rejects.period, owners.valid_from, owners.valid_to)
    group by 1, 2, 3, 4, 5, 6, 7

)

select * from rejected
