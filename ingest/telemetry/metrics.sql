-- What the runs export: see metrics.py. A column that has the name of a metric is its value; the others are its labels.

select distinct on (kind)
    kind,
    (status = 'SUCCESS')::int as run_succeeded,
    extract(epoch from end_time) as run_last_end_timestamp_seconds,
    (
        select extract(epoch from max(succeeded.end_time))
        from finops.etl_runs as succeeded
        where succeeded.kind = etl_runs.kind and succeeded.status = 'SUCCESS'
    ) as run_last_success_timestamp_seconds,
    extract(epoch from end_time - start_time) as run_duration_seconds,
    volume_processed as run_records,
    cardinality(waiting_scopes) as run_waiting_scopes
from finops.etl_runs
where status <> 'RUNNING'
order by kind, start_time desc;

select
    last_runs.kind,
    steps.step,
    coalesce(steps.source, '') as source,
    extract(epoch from sum(steps.end_time - steps.start_time)) as step_duration_seconds
from (
    select distinct on (kind)
        run_id,
        kind
    from finops.etl_runs
    where status <> 'RUNNING'
    order by kind, start_time desc
) as last_runs
inner join finops.etl_steps as steps on last_runs.run_id = steps.run_id
where steps.status in ('SUCCESS', 'FAILED')
group by 1, 2, 3;

select
    configured.source,
    coalesce(attempts.succeeded, 0) as source_succeeded,
    coalesce(attempts.last_success, 0) as source_last_success_timestamp_seconds,
    coalesce(attempts.records, 0) as source_read_records,
    (
        select count(*)
        from finops.etl_extractions as windows
        where windows.run_id = attempts.run_id and windows.source = configured.source and windows.status = 'REFUSED'
    ) as source_refused_windows,
    (
        select count(*)
        from (
            select distinct on (period) status
            from finops.etl_reconciliations
            where source = configured.source and status <> 'PENDING'
            order by period, decided_at desc nulls last
        ) as decisions
        where status in ('BLOCKED', 'REFUSED')
    ) as source_blocked_months,
    (
        select extract(epoch from max(accepted.window_end)::timestamp at time zone 'UTC')
        from finops.etl_extractions as accepted
        where accepted.source = configured.source and accepted.status = 'COMPLETE'
    ) as source_data_until_timestamp_seconds
from unnest(%(sources)s::text []) as configured (source)
left join lateral (
    select
        (array_agg(run_id order by step_id desc))[1] as run_id,
        (array_agg((status = 'SUCCESS')::int order by step_id desc))[1] as succeeded,
        (array_agg(row_count order by step_id desc))[1] as records,
        extract(epoch from max(end_time) filter (where status = 'SUCCESS')) as last_success
    from finops.etl_steps
    where step = 'extract' and status in ('SUCCESS', 'FAILED') and etl_steps.source = configured.source
) as attempts on true;

select
    to_char(period, 'YYYY-MM') as period,
    source,
    currency,
    count(*) as releves,
    sum(total_cost) as cost,
    coalesce(sum(total_cost) filter (where application_id = 'UNALLOCATED'), 0) as cost_unallocated,
    sum(estimated_cost) as cost_estimated
from finops.fact_releve
where period = any(%(periods)s)
group by 1, 2, 3;

select
    to_char(period, 'YYYY-MM') as period,
    source,
    reason,
    count(*) as rejected_lines,
    count(*) filter (where amount is null) as rejected_unpriced_lines
from finops.rejected_usage
where period = any(%(periods)s)
group by 1, 2, 3;

select
    to_char(period, 'YYYY-MM') as period,
    source,
    reason,
    currency,
    sum(amount) as rejected_amount
from finops.rejected_usage
where period = any(%(periods)s) and amount is not null and currency is not null
group by 1, 2, 3, 4;

select
    to_char(period, 'YYYY-MM') as period,
    source,
    set_apart_cost as cost_set_apart,
    measured_days,
    estimated_days,
    missing_days,
    days_to_come
from finops.cost_coverage
where period = any(%(periods)s);

select
    claims.claim,
    count(distinct (conflicts.subject_id, conflicts.claimant_ref)) filter (where conflicts.claim is not null)
        as ownership_conflicts
from (values ('OTHER_OWNER'), ('OTHER_PARENT')) as claims (claim)
left join finops.ownership_conflicts as conflicts on claims.claim = conflicts.claim
where cardinality(%(periods)s::date []) > 0 -- something is published
group by 1;
