-- The period filter of a run enters here: from the ledger, which is small, to the raw tables by (run, window).
with accepted as (

    select * from {{ source('finops', 'etl_accepted') }}

),

periods as (

    select
        accepted.domain,
        accepted.source,
        accepted.measure,
        cast(accepted.run_id as text) as extraction_run_id,
        accepted.window_date,
        accepted.window_end,
        accepted.ended_at,
        accepted.record_count,
        accepted.control_totals,
        touched.period
    from accepted
    cross join lateral unnest(accepted.periods) as touched (period)
    -- a bill's lines choose among the periods that it touches; a meter's records are all of its window's own
    where
        accepted.measure = 'billed'
        or (
            accepted.measure = 'metered'
            and touched.period = cast(date_trunc('month', cast(accepted.window_date as timestamp)) as date)
        )

)

select * from periods
