-- The aggregates. A table `agg_…` has the months of its query, the view of the same name in finops_intermediate; a
-- publication replaces the months that it changed. The materialized views `mv_…` add these tables up, and are small.

-- Calculate some months of an aggregate again.
create or replace function finops.replace_months(aggregate name, months date []) returns void language plpgsql as $$
begin
    execute format('delete from finops.%I where period = any($1)', aggregate) using months;
    execute format(
        'insert into finops.%1$I select * from finops_intermediate.%1$I where period = any($1)', aggregate
    ) using months;
end
$$;

-- The months in which an application has another owner than the aggregates say. None before they are first built.
create or replace function finops.months_with_another_owner() returns setof date language plpgsql stable as $$
begin
    return query
    with owned as (
        select period, application_id, group_id from finops.mv_cost_app_month
        union
        select period, application_id, group_id from finops.agg_rejected_month
        union
        select period, application_id, group_id from finops.agg_set_apart_month
    )
    select distinct owned.period
    from owned
    left join finops.dim_application_owner as owners
        on
            owned.application_id = owners.application_id
            and finops.owned_in_month(owned.period, owners.valid_from, owners.valid_to)
    where owned.group_id <> coalesce(owners.group_id, 'unallocated');
exception when undefined_table then
    return;
end
$$;

-- Bring every aggregate up to date. Called in the transaction that publishes the run's relevés: readers see all of it at
-- once. Who changes relevés by hand names the months.
create or replace function finops.refresh_aggregates(of_run uuid, more_months date [] default '{}') returns void
language plpgsql as $$
declare
    started timestamptz := clock_timestamp();
    months date [] := array(
        select period from finops.etl_reconciliations where run_id = of_run and status = 'PUBLISHED'
        union
        select finops.months_with_another_owner()
        union
        select unnest(more_months)
    );
    known name;
begin
    for known in
        select relname from pg_class
        where
            relnamespace = 'finops'::regnamespace
            and relkind = 'r'
            and starts_with(relname, 'agg_')
            and to_regclass('finops_intermediate.' || relname) is not null
    loop
        perform finops.replace_months(known, months);
    end loop;
    for known in
        select matviewname from pg_matviews
        where schemaname = 'finops'
        order by definition like '%mv\_cost\_app\_month%' -- what reads it comes after it
    loop
        execute format('refresh materialized view concurrently finops.%I', known);
    end loop;
    insert into finops.etl_steps (run_id, step, start_time, end_time, status)
    values (of_run, 'refresh', started, clock_timestamp(), 'SUCCESS');
end
$$;
