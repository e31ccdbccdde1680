-- A month's minutes, spread over the days that the window covers: GitLab knows no days.
with windows as (

    select * from {{ ref('int_windows') }}

),

usages as (

    select * from {{ ref('stg_gitlab__ci_minutes') }}

),

spread as (

    select
        windows.domain,
        windows.source,
        windows.period,
        windows.window_end,
        windows.window_end - windows.window_date as day_count,
        calendar.day_number,
        usages.extraction_run_id,
        usages.window_date,
        usages.record_id,
        usages.record_hash,
        usages.topic_application,
        usages.topics,
        usages.project_path,
        usages.namespace_path,
        usages.month_date,
        usages.minutes,
        usages.minutes_text
    from windows
    inner join usages
        on
            windows.source = usages.source
            and windows.extraction_run_id = usages.extraction_run_id
            and windows.window_date = usages.window_date
    -- constant bounds, as in int_inventory_days: the planner knows that a month has few days
    cross join generate_series(1, 31) as calendar (day_number)
    where windows.window_date + calendar.day_number <= windows.window_end

),

metered as (

    select
        domain,
        source,
        period,
        window_end,
        extraction_run_id,
        window_date,
        record_id,
        record_hash,
        cast(day_number as bigint) as line_number,
        -- another month's minutes are another window's: rejected, on the day that they say
        case when month_date = window_date then window_date + day_number - 1 else month_date end as usage_date,
        coalesce(topic_application, project_path) as application_code,
        namespace_path as sub_account_id,
        cast(null as text) as sub_account_name,
        project_path as resource_id,
        cast(null as text) as resource_name,
        jsonb_strip_nulls(jsonb_build_object('topics', topics)) as labels,
        'gitlab.ci_minute' as product_ref,
        finops.day_share(minutes, day_number, day_count) as quantity,
        'minute' as unit,
        minutes_text as quantity_text
    from spread

)

select * from metered
