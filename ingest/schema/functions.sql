-- The months that the nightly of that day still re-reads: as ingest/periods.py has it.
create or replace function finops.open_periods(as_of date) returns date [] language sql immutable as $$
    select array(
        select distinct cast(date_trunc('month', cast(day as timestamp)) as date)
        from unnest(array[as_of, as_of - 5]) as days (day)
    )
$$;

-- Called by whoever holds the lock: a run that still says RUNNING then has no process any more.
create or replace function finops.fail_dead_runs(found_by uuid) returns void language sql as $$
    update finops.etl_extractions
    set status = 'FAILED', ended_at = clock_timestamp(), error = 'the process died'
    where status = 'RUNNING' and run_id <> found_by;
    update finops.etl_steps
    set status = 'FAILED', end_time = clock_timestamp(), error = 'the process died'
    where status = 'RUNNING' and run_id <> found_by;
    update finops.etl_runs
    set status = 'FAILED', end_time = clock_timestamp(), error = 'the process died: found by run ' || found_by
    where status = 'RUNNING' and run_id <> found_by;
$$;

-- Called by whoever holds the locks of a run that failed, or whose process died, and goes on with it: what ended it is
-- kept as a step, what it had asked dbt to publish and was not published is asked for anew.
create or replace function finops.resume_run(taken uuid, starter text, more_periods date []) returns void
language sql as $$
    update finops.etl_extractions
    set status = 'FAILED', ended_at = clock_timestamp(), error = 'the process died'
    where run_id = taken and status = 'RUNNING';
    update finops.etl_steps
    set status = 'FAILED', end_time = clock_timestamp(), error = 'the process died'
    where run_id = taken and status = 'RUNNING';
    insert into finops.etl_steps (run_id, step, start_time, end_time, status, error)
    select
        run_id,
        'attempt',
        coalesce(
            (select max(end_time) from finops.etl_steps where run_id = taken and step = 'attempt'), start_time
        ),
        coalesce(end_time, clock_timestamp()),
        'FAILED',
        coalesce(error, 'the process died')
    from finops.etl_runs
    where run_id = taken;
    delete from finops.etl_reconciliations where run_id = taken and status <> 'PUBLISHED';
    update finops.etl_runs
    set
        status = 'RUNNING',
        end_time = null,
        error = null,
        started_by = starter,
        periods = array(select distinct unnest(periods || more_periods) order by 1)
    where run_id = taken;
$$;

-- What a small table holds, in whatever order.
create or replace function finops.table_digest(relation regclass) returns text language plpgsql stable as $$
declare
    digest text;
begin
    execute format('select md5(string_agg(held::text, e''\n'' order by held::text collate "C")) from %s as held', relation)
    into digest;
    return coalesce(digest, '');
end
$$;

-- For the data test of application rules: a pattern that does not compile is an answer, not an error.
create or replace function finops.is_regex(pattern text) returns boolean language plpgsql immutable as $$
begin
    perform '' ~ pattern;
    return true;
exception when invalid_regular_expression then
    return false;
end
$$;
