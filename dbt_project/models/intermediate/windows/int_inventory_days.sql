-- Which snapshot stands for which day: its own, and the days after it that have none, up to a limit. Nothing is said
-- of the days after a source's latest snapshot, so that the result depends on the data and not on the clock.
with accepted as (

    select * from {{ source('finops', 'etl_accepted') }}

),

snapshots as (

    select
        domain,
        source,
        cast(run_id as text) as extraction_run_id,
        window_date,
        record_count,
        -- the latest snapshot stands for its own day only
        lead(window_date, 1, window_date + 1) over (partition by source order by window_date) as next_window_date
    from accepted
    where measure = 'inventory'

),

days as (

    select
        snapshots.domain,
        snapshots.source,
        snapshots.extraction_run_id,
        snapshots.window_date,
        snapshots.record_count,
        snapshots.window_date + gap.day_count as usage_date,
        cast(date_trunc('month', cast(snapshots.window_date + gap.day_count as timestamp)) as date) as period,
        gap.day_count > 0 as is_estimated
    from snapshots
    -- constant bounds: the planner then knows that these are few, and goes to the raw tables by their index
    cross join generate_series(0, {{ setting('snapshot_gap_days') }}) as gap (day_count)
    where snapshots.window_date + gap.day_count < snapshots.next_window_date

)

select * from days
