-- What each role of `finops init-db` may do. Without the roles, one login owns everything, and there is nothing to grant.
--
-- - finops_owner owns the schemas, the tables and functions of these files, and nobody works as it but who sets the database up;
-- - finops_loader adds raw rows and lines of the ledger, and replaces what only says how things stand now;
-- - finops_transformer (dbt) owns what it makes, and reads the rest.
--
-- What would change what is on record, a function does as the owner (run_functions.sql). Nobody is granted `truncate`.
do $$
declare
    known record;
    ended text := 'status, row_count, error, end_time';
begin
    if current_user <> 'finops_owner' then
        return;
    end if;

    for known in
        select format('%I', nspname) as name
        from pg_namespace
        where nspowner = 'finops_owner'::regrole and (nspname in ('finops', 'finops_reference') or starts_with(nspname, 'raw_'))
    loop
        execute format('grant usage on schema %s to finops_loader, finops_transformer', known.name);
    end loop;
    grant create on schema finops to finops_transformer;
    grant usage, create on schema finops_staging, finops_intermediate, finops_api to finops_transformer;
    grant usage on schema finops_staging, finops_intermediate, finops_api to finops_loader;

    for known in
        select
            format('%I.%I', nspname, relname) as name,
            starts_with(nspname, 'raw_') as is_raw,
            nspname = 'finops_reference' as is_reference
        from pg_class inner join pg_namespace on relnamespace = pg_namespace.oid
        where
            relowner = 'finops_owner'::regrole
            and relkind in ('r', 'p', 'v')
            and (
                nspname = 'finops_reference' or starts_with(nspname, 'raw_')
                or nspname = 'finops' and (
                    starts_with(relname, 'etl_') or relname in ('rejected_usage', 'set_apart_charges', 'unallocated_usage')
                )
            )
    loop
        execute format('grant select on %s to finops_loader, finops_transformer', known.name);
        if known.is_raw then
            execute format('grant insert on %s to finops_loader', known.name);
        elsif known.is_reference then
            execute format('grant insert, delete on %s to finops_loader', known.name);
        end if;
    end loop;

    -- A run, a step, a window and a scope begin open, and are updated until they have ended (append_only.sql).
    grant insert (run_id, kind, periods, as_of, sources, accepts_changes, reason, started_by) on finops.etl_runs
    to finops_loader, finops_transformer;
    grant insert on finops.etl_steps to finops_loader, finops_transformer;
    execute format('grant update (%s) on finops.etl_steps to finops_loader, finops_transformer', ended);
    grant
        insert (run_id, domain, source, measure, window_date, window_end),
        update (status, record_count, control_totals, periods, error, ended_at)
    on finops.etl_extractions to finops_loader;
    grant
        insert (run_id, source, period, attempt),
        update (
            status, records_landed, records_released, records_rejected, records_set_apart, records_duplicate, lines_released,
            lines_in_releves, amount_landed, amount_released, amount_rejected, amount_set_apart, landed_digest, landed_windows,
            cost_before, cost_after, measured_days, estimated_days, last_cost_day, refusal, publication, decided_at
        )
    on finops.etl_reconciliations to finops_transformer;
    grant usage, select on sequence finops.etl_publication to finops_transformer;

    -- How things stand now, replaced by each run: what is configured, and what is published beside the relevés.
    grant insert, update, delete on
    finops.etl_settings, finops.etl_tax_apart, finops.etl_declared_lines, finops.etl_billing_periods,
    finops.etl_invoice_details, finops.etl_reference
    to finops_loader;
    grant insert, delete on finops.etl_project to finops_loader, finops_transformer;
    grant insert, update, delete on
    finops.etl_scope_days, finops.etl_scope_lookups, finops.rejected_usage, finops.set_apart_charges,
    finops.unallocated_usage
    to finops_transformer;

    revoke execute on function
    finops.fail_dead_runs(uuid), finops.resume_run(uuid, text, date []), finops.forget_rows(uuid, text, date [], regclass),
    finops.forget_windows(uuid, text, date [], regclass), finops.wait_for_loads(regclass),
    finops.purge(uuid, integer, bigint [], regclass), finops.enter_reference_digest(uuid, text, date, text),
    finops.close_run(uuid, text), finops.enter_outcome(uuid, text []), finops.analyze_reference(name)
    from public;
    grant execute on function
    finops.resume_run(uuid, text, date []), finops.forget_rows(uuid, text, date [], regclass),
    finops.forget_windows(uuid, text, date [], regclass), finops.wait_for_loads(regclass),
    finops.purge(uuid, integer, bigint [], regclass), finops.analyze_reference(name)
    to finops_loader;
    grant execute on function finops.enter_reference_digest(uuid, text, date, text) to finops_transformer;
    grant execute on function finops.fail_dead_runs(uuid), finops.close_run(uuid, text), finops.enter_outcome(uuid, text [])
    to finops_loader, finops_transformer;
end
$$;
