with releves as (

    select * from {{ ref('fact_releve') }}

),

rejects as (

    select * from {{ source('finops', 'rejected_usage') }}

),

published as (

    select
        period,
        source,
        currency,
        sum(total_cost) as total_cost,
        coalesce(sum(total_cost) filter (where application_id <> 'UNALLOCATED'), 0) as allocated_cost,
        coalesce(sum(total_cost) filter (where application_id = 'UNALLOCATED'), 0) as unallocated_cost,
        coalesce(sum(total_cost) filter (where is_estimated), 0) as estimated_cost
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

covered as (

    select
        coalesce(published.period, rejected.period) as period,
        coalesce(published.source, rejected.source) as source,
        coalesce(published.currency, '{{ var("reporting_currency") }}') as currency,
        coalesce(published.total_cost, 0) as total_cost,
        coalesce(published.allocated_cost, 0) as allocated_cost,
        coalesce(published.unallocated_cost, 0) as unallocated_cost,
        coalesce(published.estimated_cost, 0) as estimated_cost,
        coalesce(rejected.rejected_cost, 0) as rejected_cost,
        coalesce(rejected.rejected_line_count, 0) as rejected_line_count,
        coalesce(rejected.unpriced_line_count, 0) as unpriced_line_count
    from published
    full outer join rejected
        on published.period = rejected.period and published.source = rejected.source

)

select * from covered
