{#- What is known of each day of a month: as published, so that it says the same as the costs beside it. -#}
{{ config(indexes=[{'columns': ['period', 'source'], 'unique': true}]) }}

-- What is published is replaced with the relevés.
{% if not execute %}{% do ref('fact_releve') %}{% endif %}
with published as (

    select * from {{ source('finops', 'etl_published') }}

),

accepted as (

    select * from {{ source('finops', 'etl_accepted') }}

),

bill_status as (

    select * from {{ source('finops', 'etl_bill_status') }}

),

steps as (

    select * from {{ source('finops', 'etl_steps') }}

),

runs as (

    select * from {{ source('finops', 'etl_runs') }}

),

sources as (

    select
        source,
        min(domain) as domain,
        min(measure) as measure
    from accepted
    where measure <> 'reference'
    group by source

),

-- the day that a source was last asked of a month for: what it should have said by then, and has not, is missing
asked as (

    select
        steps.source,
        months.period,
        max(coalesce(runs.as_of, cast(runs.start_time at time zone 'UTC' as date))) as as_of
    from steps
    inner join runs on steps.run_id = runs.run_id
    cross join unnest(runs.periods) as months (period)
    where steps.step = 'extract' and steps.status <> 'SKIPPED'
    group by steps.source, months.period

),

spread as (

    select distinct
        source,
        cast(date_trunc('month', cast(window_date as timestamp)) as date) as period
    from accepted
    where measure = 'metered' and window_end > window_date + 1

),

months as (

    select
        coalesce(published.source, asked.source) as source,
        coalesce(published.period, asked.period) as period,
        cast(coalesce(published.period, asked.period) + interval '1 month' as date) as end_date,
        published.measured_days,
        published.estimated_days,
        -- how far a bill is that still grows
        published.last_cost_day,
        asked.as_of
    from published
    full outer join asked on published.source = asked.source and published.period = asked.period

),

days as (

    select
        months.source,
        sources.domain,
        months.period,
        calendar.day_number,
        coalesce(
            calendar.day_number = any(months.measured_days)
            or months.measured_days is null and calendar.day_number <= months.last_cost_day,
            false
        ) as is_measured,
        coalesce(calendar.day_number = any(months.estimated_days), false) as is_estimated,
        case
            -- a bill comes late: nothing of it is missing while it is open, or until some days after its month
            when sources.measure = 'billed' then coalesce(not bill_status.is_open, months.as_of >= months.end_date + 3)
            else months.period + calendar.day_number - 1 < months.as_of
        end as is_expected
    from months
    inner join sources on months.source = sources.source
    left join bill_status on months.source = bill_status.source and months.period = bill_status.period
    cross join lateral generate_series(1, months.end_date - months.period) as calendar (day_number)

),

counted as (

    select
        source,
        domain,
        period,
        count(*) filter (where is_measured) as measured_days,
        count(*) filter (where is_estimated and not is_measured) as estimated_days,
        count(*) filter (where is_expected and not is_measured and not is_estimated) as missing_days,
        count(*) filter (where is_expected is not true and not is_measured and not is_estimated) as days_to_come,
        coalesce(
            array_agg(period + day_number - 1 order by day_number)
            filter (where is_expected and not is_measured and not is_estimated),
            '{}'
        ) as missing_dates,
        coalesce(
            period + min(day_number) filter (where not is_measured and not is_estimated) - 2,
            period + max(day_number) - 1
        ) as complete_date
    from days
    group by source, domain, period

),

described as (

    select
        counted.*,
        -- a meter that is read once for many days: what each of them cost is not known
        spread.source is not null as is_spread
    from counted
    left join spread on counted.source = spread.source and counted.period = spread.period

)

select * from described
