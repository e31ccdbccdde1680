-- What landed for each source and month: a digest that changes whenever any of it does, and the days of the month that
-- it covers.
with landed as (

    select * from {{ ref('int_landed_windows') }}

),

extractions as (

    select * from {{ source('finops', 'etl_extractions') }}

),

digests as (

    select
        source,
        period,
        min(measure) as measure,
        md5(
            string_agg(
                concat_ws(' ', first_date, window_date, extraction_run_id, is_stated_open),
                ',' order by first_date, window_date
            )
        )
            as landed_digest,
        array_agg(distinct concat_ws(' ', extraction_run_id, window_date)) as landed_windows,
        bool_or(is_open_bill) as is_open_bill
    from landed
    group by source, period

),

covered as (

    select
        source,
        period,
        first_date,
        end_date,
        is_estimated
    from landed
    -- a bill also corrects earlier months, and is not complete for that
    where first_date >= period and not is_open_bill

    union all

    -- a meter's day that was read and holds nothing is known, too
    select
        source,
        cast(date_trunc('month', cast(window_date as timestamp)) as date) as period,
        window_date as first_date,
        window_end as end_date,
        false as is_estimated
    from extractions
    where status = 'EMPTY' and measure = 'metered'

),

days as (

    select
        covered.source,
        covered.period,
        calendar.day_number,
        bool_and(covered.is_estimated) as is_estimated
    from covered
    cross join generate_series(1, 31) as calendar (day_number)
    where
        covered.period + calendar.day_number - 1 >= covered.first_date
        and covered.period + calendar.day_number - 1 < covered.end_date
        and covered.period + calendar.day_number - 1 < covered.period + interval '1 month'
    group by covered.source, covered.period, calendar.day_number

),

day_lists as (

    select
        source,
        period,
        array_agg(day_number order by day_number) filter (where not is_estimated) as measured_days,
        array_agg(day_number order by day_number) filter (where is_estimated) as estimated_days
    from days
    group by source, period

),

scopes as (

    select
        digests.source,
        digests.period,
        digests.measure,
        digests.landed_digest,
        digests.landed_windows,
        -- of a bill that still grows, the published days say how far it is
        case when not digests.is_open_bill then coalesce(day_lists.measured_days, '{}') end as measured_days,
        coalesce(day_lists.estimated_days, '{}') as estimated_days
    from digests
    left join day_lists on digests.source = day_lists.source and digests.period = day_lists.period

)

select * from scopes
