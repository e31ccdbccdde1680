with releves as (

    select * from {{ ref('fact_releve') }}

),

rejects as (

    select * from {{ source('finops', 'rejected_usage') }}

),

charges as (

    select * from {{ source('finops', 'set_apart_charges') }}

),

source_months as (

    select * from {{ ref('mv_source_month') }}

),

published as (

    select
        period,
        source,
        currency,
        sum(total_cost) as total_cost,
        coalesce(sum(total_cost) filter (where application_id <> 'UNALLOCATED'), 0) as allocated_cost,
        coalesce(sum(total_cost) filter (where application_id = 'UNALLOCATED'), 0) as unallocated_cost,
        sum(estimated_cost) as estimated_cost
    from releves
    group by period, source, currency

),

rejected as (

    select
        period,
        source,
        coalesce(sum(total_cost), 0) as rejected_cost,
        count(*) as rejected_line_count,
        count(*) filter (where total_cost is null) as unpriced_line_count
    from rejects
    group by period, source

),

set_apart as (

    select
        period,
        source,
        sum(total_cost) as set_apart_cost
    from charges
    group by period, source

),

scopes as (

    select period, source from published
    union
    select period, source from rejected
    union
    select period, source from set_apart
    union
    select period, source from source_months

),

covered as (

    select
        scopes.period,
        scopes.source,
        coalesce(published.currency, '{{ setting("reporting_currency") }}') as currency,
        coalesce(published.total_cost, 0) as total_cost,
        coalesce(published.allocated_cost, 0) as allocated_cost,
        coalesce(published.unallocated_cost, 0) as unallocated_cost,
        coalesce(published.estimated_cost, 0) as estimated_cost,
        coalesce(rejected.rejected_cost, 0) as rejected_cost,
        coalesce(rejected.rejected_line_count, 0) as rejected_line_count,
        coalesce(rejected.unpriced_line_count, 0) as unpriced_line_count,
        coalesce(set_apart.set_apart_cost, 0) as set_apart_cost,
        source_months.measured_days,
        source_months.estimated_days,
        source_months.missing_days,
        source_months.days_to_come,
        source_months.missing_dates,
        source_months.complete_date
    from scopes
    left join published on scopes.period = published.period and scopes.source = published.source
    left join rejected on scopes.period = rejected.period and scopes.source = rejected.source
    left join set_apart on scopes.period = set_apart.period and scopes.source = set_apart.source
    left join source_months on scopes.period = source_months.period and scopes.source = source_months.source

)

select * from covered
