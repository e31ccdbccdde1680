-- A run's life. The loader calls these for its own runs, dbt's hooks for a dbt command by hand (dbt_project/macros/runs.sql).
-- Whoever writes holds advisory lock 7061746: the loader for the session, a dbt command for the transactions that write.
--
-- What changes or deletes a row of the ledger that has ended, or a raw row, does so as the owner (security definer), and checks
-- what it was asked for: the roles themselves may not (roles.sql). Such a function reads the loader's own tables alone: a
-- function in a view of dbt's would run as the owner, too.

-- Whether this session holds the lock of those that write; that of a run that publishes is exclusive.
create or replace function finops.holds_run_lock(is_exclusive boolean default false) returns boolean
language sql stable as $$
    select exists (
        select from pg_locks
        where
            locktype = 'advisory' and classid = 0 and objid = 7061746 and objsubid = 1 and granted
            and pid = pg_backend_pid() and (mode = 'ExclusiveLock' or not is_exclusive)
    )
$$;

-- The run that is writing, in words, for the message to whoever has to wait; of one source, the run that extracts it.
create or replace function finops.running_run(of_source text default null) returns text language sql stable as $$
    select coalesce(
        (
            select format(
                '%s %s, started %s by %s', kind, run_id, to_char(start_time, 'YYYY-MM-DD HH24:MI:SS TZ'), started_by
            )
            from finops.etl_runs
            where status = 'RUNNING' and (of_source is null or of_source = any(sources))
            order by start_time desc
            limit 1
        ),
        'it has not entered itself in finops.etl_runs yet'
    )
$$;

-- Mark as FAILED what still says RUNNING. Only the holder of the lock may call it: no process works on such a run any more.
create or replace function finops.fail_dead_runs(found_by uuid) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    if not finops.holds_run_lock(true) then
        raise exception 'fail_dead_runs: this session does not hold the lock of a run, 7061746';
    end if;
    update finops.etl_extractions
    set status = 'FAILED', ended_at = clock_timestamp(), error = 'the process died'
    where status = 'RUNNING' and run_id <> found_by;
    update finops.etl_steps
    set status = 'FAILED', end_time = clock_timestamp(), error = 'the process died'
    where status = 'RUNNING' and run_id <> found_by;
    update finops.etl_runs
    set status = 'FAILED', end_time = clock_timestamp(), error = 'the process died: found by run ' || found_by
    where status = 'RUNNING' and run_id <> found_by;
end
$$;

-- Continue a run that failed or whose process died. The error that ended it is kept as a step named 'attempt'; what it had
-- planned to publish and did not publish is planned again.
drop function if exists finops.resume_run(uuid, text, date []); -- its arguments had other names
create or replace function finops.resume_run(resumed uuid, starter text, more_periods date []) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    if not finops.holds_run_lock() then
        raise exception 'resume_run: this session does not hold the lock of a run, 7061746';
    end if;
    if exists (select from finops.etl_runs where run_id = resumed and status = 'SUCCESS') then
        raise exception 'run % has succeeded, and is not resumed', resumed;
    end if;
    update finops.etl_extractions
    set status = 'FAILED', ended_at = clock_timestamp(), error = 'the process died'
    where run_id = resumed and status = 'RUNNING';
    update finops.etl_steps
    set status = 'FAILED', end_time = clock_timestamp(), error = 'the process died'
    where run_id = resumed and status = 'RUNNING';
    insert into finops.etl_steps (run_id, step, start_time, end_time, status, error)
    select
        run_id,
        'attempt',
        coalesce(
            (select max(end_time) from finops.etl_steps where run_id = resumed and step = 'attempt'), start_time
        ),
        coalesce(end_time, clock_timestamp()),
        'FAILED',
        coalesce(error, 'the process died')
    from finops.etl_runs
    where run_id = resumed;
    delete from finops.etl_reconciliations where run_id = resumed and status <> 'PUBLISHED';
    update finops.etl_runs
    set
        status = 'RUNNING',
        end_time = null,
        error = null,
        started_by = starter,
        periods = array(select distinct unnest(periods || more_periods) order by 1)
    where run_id = resumed;
end
$$;

-- Delete the raw rows that a run at work has landed of some windows: to land them again. Nothing that is published may stand on
-- them.
create or replace function finops.forget_rows(of_run uuid, of_source text, windows date [], raw_table regclass) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    published text := (
        select format('%s %s', source, to_char(period, 'YYYY-MM'))
        from finops.etl_reconciliations
        where
            status = 'PUBLISHED' and source = of_source
            and landed_windows && array(select concat_ws(' ', of_run, first_day) from unnest(windows) as days (first_day))
        limit 1
    );
begin
    if not finops.is_raw(raw_table) then
        raise exception '% is not a raw table', raw_table;
    end if;
    if not exists (select from finops.etl_runs where run_id = of_run and status = 'RUNNING') or published is not null then
        raise exception 'rows of run % stay: %', of_run, coalesce(published || ' stands on them', 'it is not at work');
    end if;
    execute format('delete from %s where run_id = $1 and source = $2 and window_date = any($3)', raw_table)
    using cast(of_run as text), of_source, windows;
end
$$;

-- The same, with the extractions themselves: a run that is resumed reads these windows again.
create or replace function finops.forget_windows(of_run uuid, of_source text, windows date [], raw_table regclass)
returns void language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    perform finops.forget_rows(of_run, of_source, windows, raw_table);
    delete from finops.etl_extractions where run_id = of_run and source = of_source and window_date = any(windows);
end
$$;

create or replace function finops.is_raw(relation regclass) returns boolean
language sql stable set search_path = pg_catalog, pg_temp as $$
    select exists (
        select from pg_class inner join pg_namespace on relnamespace = pg_namespace.oid
        where pg_class.oid = relation and relkind in ('r', 'p') and starts_with(nspname, 'raw_')
    )
$$;

-- Wait until the transactions that load rows into a raw table have ended.
create or replace function finops.wait_for_loads(raw_table regclass) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    if not finops.is_raw(raw_table) then
        raise exception '% is not a raw table', raw_table;
    end if;
    execute format('lock table %s in share mode', raw_table);
end
$$;

-- Delete the raw rows of some extractions, as far as nothing stands on them (finops.purgeable); how many rows.
create or replace function finops.purge(of_run uuid, keep_days int, extractions bigint [], raw_table regclass) returns bigint
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    purged bigint [] := array(
        select extraction_id from finops.purgeable(of_run, keep_days) where extraction_id = any(extractions)
    );
    deleted bigint;
begin
    if not finops.is_raw(raw_table) then
        raise exception '% is not a raw table', raw_table;
    end if;
    execute format(
        'delete from %s as landed using finops.etl_extractions as old
        where
            old.extraction_id = any($1)
            and landed.run_id = cast(old.run_id as text)
            and landed.source = old.source
            and landed.window_date = old.window_date',
        raw_table
    ) using purged;
    get diagnostics deleted = row_count;
    update finops.etl_extractions set purged_at = now() where extraction_id = any(purged);
    return deleted;
end
$$;

-- After a publication: what the reference data says of all that a scope looked up in it, as a digest. Entered once.
create or replace function finops.enter_reference_digest(of_run uuid, of_source text, of_period date, digest text) returns void
language sql security definer set search_path = pg_catalog, pg_temp as $$
    update finops.etl_reconciliations as scope
    set reference_digest = digest
    where
        run_id = of_run
        and source = of_source
        and period = of_period
        and status = 'PUBLISHED'
        and reference_digest is null
        and exists (select from finops.etl_runs where run_id = of_run and status = 'RUNNING')
        and publication = (
            select max(publication) from finops.etl_reconciliations where source = of_source and period = of_period
        )
$$;

-- Close a run: SUCCESS without an error, else FAILED. Its volume is the records behind what it published; a run that was
-- asked for no month in particular is about the months that it found due.
create or replace function finops.close_run(closed uuid, failure text) returns void
language sql security definer set search_path = pg_catalog, pg_temp as $$
    update finops.etl_runs
    set
        status = case when failure is null then 'SUCCESS' else 'FAILED' end,
        end_time = clock_timestamp(),
        error = failure,
        periods = case
            when periods = '{}'
                then array(select distinct period from finops.etl_reconciliations where run_id = closed order by period)
            else periods
        end,
        volume_processed = coalesce(
            (
                select sum(records_landed)
                from (
                    select distinct on (source, period) records_landed
                    from finops.etl_reconciliations
                    where run_id = closed and status = 'PUBLISHED'
                    order by source, period, attempt desc
                ) as scopes
            ),
            0
        )
    where run_id = closed and status = 'RUNNING'
$$;

-- What dbt's next build would stand on, as fingerprints: the views and aggregates as they are, with who may read them; and the
-- reference data, the catalog and the functions that all is made with. A relation that was replaced and is still read is left
-- out, for a later run drops it.
create or replace function finops.project_state() returns table (relations text, reference text) language sql stable as $$
    select
        (
            select md5(string_agg(
                concat_ws(' ', cast(pg_class.oid as regclass), relacl, reloptions, pg_get_viewdef(pg_class.oid)), ''
                order by cast(cast(pg_class.oid as regclass) as text) collate "C"
            ) || finops.table_digest('finops.etl_settings') || (select count(*) from pg_roles where rolname = 'finops_api'))
            from pg_class
            inner join pg_namespace on relnamespace = pg_namespace.oid
            where
                relkind in ('v', 'm')
                and (nspname = 'finops' or starts_with(nspname, 'finops_'))
                and relname not like '%\_\_replaced\_%'
        ),
        (
            select concat_ws(
                ' ', version, finops.reference_digest(),
                (
                    select max(extraction_id)
                    from finops.etl_extractions
                    where measure = 'reference' and source <> 'reference.tables' and status = 'COMPLETE'
                )
            )
            from finops.etl_schema
        )
$$;

-- The scopes that a run has to publish: those that it was asked for by name, else those of which anything has changed. Changed
-- reference data counts for open months; in earlier ones it waits until somebody asks.
create or replace function finops.due_scopes(of_run uuid) returns table (source text, period date)
language plpgsql stable as $$
#variable_conflict use_column
begin
    return query
    select scopes.source, scopes.period
    from finops.etl_runs as runs
    cross join finops_intermediate.int_scopes as scopes
    where
        runs.run_id = of_run
        and case
            when runs.kind <> 'nightly' and runs.periods <> '{}'
                then scopes.period = any(runs.periods) and (runs.sources is null or scopes.source = any(runs.sources))
            else
                scopes.has_landed
                or scopes.has_late_rate
                or scopes.has_new_reference and scopes.period = any(finops.open_periods(runs.as_of))
        end;
end
$$;

-- Enter what a run changed, by month, and which published scopes ('cmdb.vm 2026-09') wait for a reprocess, since reference
-- data behind them has changed.
drop function if exists finops.note_outcome(uuid, text []); -- it was told what waits
create or replace function finops.note_outcome(of_run uuid) returns void language plpgsql as $$
begin
    perform finops.enter_outcome(
        of_run,
        array(
            select scopes.source || ' ' || to_char(scopes.period, 'YYYY-MM')
            from finops_intermediate.int_scopes as scopes
            cross join finops.etl_runs as runs
            where runs.run_id = of_run and scopes.has_new_reference and scopes.period <> all(finops.open_periods(runs.as_of))
            order by scopes.source, scopes.period
        )
    );
end
$$;

create or replace function finops.enter_outcome(of_run uuid, waiting text []) returns void
language sql security definer set search_path = pg_catalog, pg_temp as $$
    update finops.etl_runs
    set
        waiting_scopes = waiting,
        changes = coalesce(
            (
                select jsonb_object_agg(to_char(period, 'YYYY-MM'), cast(trim_scale(difference) as text))
                from (
                    select period, sum(cost_after - coalesce(cost_before, 0)) as difference
                    from finops.etl_reconciliations
                    where run_id = of_run and status = 'PUBLISHED'
                    group by period
                ) as months
                where difference <> 0
            ),
            '{}'
        )
    where run_id = of_run and status = 'RUNNING'
$$;

-- The usage lines that a run has put into relevés.
create or replace function finops.released_lines(of_run uuid) returns bigint language sql stable as $$
    select cast(coalesce(sum(lines_released), 0) as bigint)
    from (
        select distinct on (source, period) lines_released
        from finops.etl_reconciliations
        where run_id = of_run and status = 'PUBLISHED'
        order by source, period, attempt desc
    ) as scopes
$$;

-- Open the run of a dbt command by hand, whose invocation is the run's id. `requested` is its variable `period`.
create or replace function finops.open_dbt_run(invocation uuid, requested text, command text) returns void
language plpgsql as $$
begin
    if not pg_try_advisory_xact_lock(7061746) then
        raise exception 'another run is writing (%): wait until it ends, then run this again', finops.running_run();
    end if;
    perform finops.fail_dead_runs(invocation);
    delete from finops.etl_project;
    insert into finops.etl_runs (run_id, kind, periods, as_of, accepts_changes, reason, started_by)
    values (
        invocation, 'adhoc', finops.months(requested), cast(now() at time zone 'UTC' as date),
        finops.months(requested) <> '{}', command, session_user
    );
    insert into finops.etl_steps (run_id, step) values (invocation, 'consolidate');
end
$$;

-- Hold the lock for one transaction of a dbt command by hand. dbt gives each model a connection of its own, so another run
-- may have begun since open_dbt_run: it has marked this one as FAILED, and this one stops. The loader's own runs hold the
-- lock for their session, and pass.
create or replace function finops.hold_run(of_run uuid) returns void language plpgsql as $$
begin
    if (select kind from finops.etl_runs where run_id = of_run) is distinct from 'adhoc' then
        return;
    end if;
    if not pg_try_advisory_xact_lock(7061746)
        or not exists (select from finops.etl_runs where run_id = of_run and status = 'RUNNING') then
        raise exception 'another run has begun to write (%): run this again when it has ended', finops.running_run();
    end if;
end
$$;

create or replace function finops.close_dbt_run(invocation uuid, failure text) returns void language sql as $$
    update finops.etl_steps
    set
        status = case when failure is null then 'SUCCESS' else 'FAILED' end,
        end_time = clock_timestamp(),
        row_count = finops.released_lines(invocation)
    where run_id = invocation and step = 'consolidate' and status = 'RUNNING';
    select finops.close_run(invocation, failure);
$$;
