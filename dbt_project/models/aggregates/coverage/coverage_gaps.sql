{{ config(materialized='view') }}

with releves as (

    select * from {{ ref('fact_releve') }}

),

unallocated_usage as (

    select * from {{ source('finops', 'unallocated_usage') }}

),

rejects as (

    select * from {{ source('finops', 'rejected_usage') }}

),

owners as (

    select * from {{ ref('dim_application_owner') }}

),

costs as (

    select
        run_id,
        period,
        source,
        application_id,
        min(domain) as domain,
        min(currency) as currency,
        sum(total_cost) as total_cost,
        sum(line_count) as line_count
    from releves
    where application_id = 'UNALLOCATED'
    group by run_id, period, source, application_id

),

-- What a version published that kept no subjects is one gap, of the whole amount.
unallocated as (

    select
        costs.period,
        costs.domain,
        costs.source,
        costs.application_id,
        costs.application_id as reason,
        coalesce(unallocated_usage.subject, 'not listed yet: finops reprocess of the month shows what') as subject,
        coalesce(unallocated_usage.total_cost, costs.total_cost) as amount,
        costs.currency,
        coalesce(unallocated_usage.line_count, costs.line_count) as line_count
    from costs
    left join unallocated_usage
        on
            costs.period = unallocated_usage.period
            and costs.source = unallocated_usage.source
            and costs.run_id = unallocated_usage.run_id

),

-- The same remedy on every day is one. An amount without a rate is in the source's currency.
rejected as (

    select
        period,
        domain,
        source,
        application_id,
        reason,
        coalesce(regexp_replace(detail, ' valid on [0-9-]+', ''), product_id, 'unknown') as subject,
        coalesce(total_cost, amount) as amount,
        case when total_cost is null then currency else '{{ setting("reporting_currency") }}' end as currency,
        1 as line_count
    from rejects

),

gaps as (

    select period, domain, source, application_id, reason, subject, amount, currency, line_count from unallocated
    union all
    select period, domain, source, application_id, reason, subject, amount, currency, line_count from rejected

),

summed as (

    select
        gaps.period,
        coalesce(owners.group_id, 'unallocated') as group_id,
        gaps.domain,
        gaps.source,
        gaps.reason,
        gaps.subject,
        sum(gaps.amount) as amount,
        gaps.currency,
        cast(sum(gaps.line_count) as bigint) as line_count
    from gaps
    left join owners
        on
            gaps.application_id = owners.application_id
            and finops.owned_in_month(gaps.period, owners.valid_from, owners.valid_to)
    group by
        gaps.period, coalesce(owners.group_id, 'unallocated'), gaps.domain, gaps.source, gaps.reason, gaps.subject,
        gaps.currency

)

select * from summed
