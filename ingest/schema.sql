-- What the loader owns: the runs, the ledger of extractions, the rejects, and the raw tables that dlt appends to.
-- Idempotent: applied by the first run of a version. Everything else in the database belongs to dbt.

create schema if not exists finops;
create schema if not exists raw_open_legacy;
create schema if not exists raw_private_cloud;
create schema if not exists raw_public_cloud;
create schema if not exists raw_native;
create schema if not exists raw_reference;

-- Which version of this file was applied last: the same is not applied again, as that would lock the tables each night.
create table if not exists finops.etl_schema (version text not null);

-- The API's role: nobody logs in as it, and it reads the views of dbt_project/models/api alone. Where the loader may not
-- create roles, an administrator does, once (README, 'Serve it'), and the next run grants it what it needs.
create schema if not exists finops_api;
do $$
begin
    if not exists (select from pg_roles where rolname = 'finops_api') then
        create role finops_api nologin;
    end if;
    grant usage on schema finops_api to finops_api;
exception when insufficient_privilege or duplicate_object or unique_violation then
    null;
end
$$;

create table if not exists finops.etl_runs (
    run_id uuid primary key,
    kind text not null check (kind in ('nightly', 'reprocess', 'adhoc')),
    start_time timestamptz not null default clock_timestamp(),
    end_time timestamptz,
    status text not null default 'RUNNING' check (status in ('RUNNING', 'SUCCESS', 'FAILED')),
    volume_processed bigint not null default 0,
    periods date[] not null,
    reason text,
    error text,
    started_by text not null
);
-- The day that the run is for, and the sources that a reprocess is asked for (null: all); which published (source, month)
-- pairs stand on reference data that has changed since, and wait for a reprocess.
alter table finops.etl_runs add column if not exists as_of date;
alter table finops.etl_runs add column if not exists sources text [];
alter table finops.etl_runs add column if not exists waiting_scopes text [] not null default '{}';
-- Whether a month that is not open may change by any amount; and what the run changed, {"2026-09": "-12.5"}, in the
-- reporting currency.
alter table finops.etl_runs add column if not exists accepts_changes boolean not null default false;
alter table finops.etl_runs add column if not exists changes jsonb not null default '{}';
create index if not exists etl_runs_start_time on finops.etl_runs (start_time);

create table if not exists finops.etl_steps (
    step_id bigint generated always as identity primary key,
    run_id uuid not null references finops.etl_runs,
    step text not null,
    source text,
    start_time timestamptz not null default clock_timestamp(),
    end_time timestamptz,
    status text not null default 'RUNNING'
    check (status in ('RUNNING', 'SUCCESS', 'FAILED', 'SKIPPED')),
    row_count bigint,
    error text
);
create index if not exists etl_steps_run_id on finops.etl_steps (run_id);

-- The ledger. A window is visible to dbt only through its latest COMPLETE row, so that what was half loaded,
-- refused or failed is never seen. control_totals is counted at the source, before anything is landed:
-- {"2026-09": {"records": 12, "EffectiveCost": "1.5", …}}, one key a period that the window touches.
create table if not exists finops.etl_extractions (
    extraction_id bigint generated always as identity primary key,
    run_id uuid not null references finops.etl_runs,
    domain text not null,
    source text not null,
    measure text not null
    check (measure in ('reference', 'inventory', 'metered', 'billed')),
    window_date date not null,
    window_end date not null,
    started_at timestamptz not null default clock_timestamp(),
    ended_at timestamptz,
    status text not null default 'RUNNING'
    check (status in ('RUNNING', 'COMPLETE', 'EMPTY', 'REFUSED', 'FAILED')),
    record_count bigint not null default 0,
    periods date[] not null default '{}',
    control_totals jsonb not null default '{}',
    error text,
    purged_at timestamptz,
    unique (run_id, source, window_date)
);
create index if not exists etl_extractions_window
on finops.etl_extractions (source, window_date, extraction_id) where status = 'COMPLETE';

-- A database made before there was reference data.
do $$
begin
    if exists (
        select from pg_constraint
        where
            conrelid = 'finops.etl_extractions'::regclass and conname = 'etl_extractions_measure_check'
            and pg_get_constraintdef(oid) not like '%reference%'
    ) then
        alter table finops.etl_extractions
        drop constraint etl_extractions_measure_check,
        add constraint etl_extractions_measure_check
        check (measure in ('reference', 'inventory', 'metered', 'billed'));
    end if;
end
$$;

-- One row per run and (source, period) that the run has to publish; filled in by dbt as it does.
create table if not exists finops.etl_reconciliations (
    run_id uuid not null references finops.etl_runs,
    source text not null,
    period date not null,
    status text not null default 'PENDING' check (status in ('PENDING', 'PUBLISHED', 'BLOCKED', 'REFUSED')),
    records_landed bigint,
    records_released bigint,
    records_rejected bigint,
    records_duplicate bigint,
    lines_released bigint,
    lines_in_releves bigint,
    amount_landed numeric,
    amount_released numeric,
    amount_rejected numeric,
    decided_at timestamptz,
    primary key (run_id, source, period)
);
-- What a publication stands on, so that the next run knows whether anything of it has changed: `publication` numbers them,
-- since clocks step back; the digests are of int_scopes. Which days of the month were measured, and which stand on an
-- earlier day, as published; days are numbered from 1.
alter table finops.etl_reconciliations add column if not exists records_set_apart bigint;
alter table finops.etl_reconciliations add column if not exists amount_set_apart numeric;
alter table finops.etl_reconciliations add column if not exists publication bigint;
alter table finops.etl_reconciliations add column if not exists landed_digest text;
alter table finops.etl_reconciliations add column if not exists landed_windows text [];
alter table finops.etl_reconciliations add column if not exists reference_digest text;
alter table finops.etl_reconciliations add column if not exists cost_before numeric;
alter table finops.etl_reconciliations add column if not exists cost_after numeric;
alter table finops.etl_reconciliations add column if not exists measured_days int [];
alter table finops.etl_reconciliations add column if not exists estimated_days int [];
alter table finops.etl_reconciliations add column if not exists refusal text;
do $$
begin
    if exists (
        select from pg_constraint
        where
            conrelid = 'finops.etl_reconciliations'::regclass and conname = 'etl_reconciliations_status_check'
            and pg_get_constraintdef(oid) not like '%REFUSED%'
    ) then
        alter table finops.etl_reconciliations
        drop constraint etl_reconciliations_status_check,
        add constraint etl_reconciliations_status_check
        check (status in ('PENDING', 'PUBLISHED', 'BLOCKED', 'REFUSED'));
    end if;
end
$$;
create sequence if not exists finops.etl_publication;
drop index if exists finops.etl_reconciliations_scope;
create index if not exists etl_reconciliations_publication
on finops.etl_reconciliations (source, period, publication);

-- What the lines of a published (source, period) looked up in the reference data: application codes, products, providers
-- and currencies, and the currencies that had no rate. By these the next run sees whether a change concerns it.
create table if not exists finops.etl_scope_lookups (
    source text not null,
    period date not null,
    kind text not null check (kind in ('application', 'product', 'provider', 'currency', 'missing_rate')),
    key text not null
);
create index if not exists etl_scope_lookups_scope on finops.etl_scope_lookups (source, period);

-- What inventories said of each day, and meters of each window, of a published (source, period): what is read again is
-- compared with it.
create table if not exists finops.etl_scope_days (
    source text not null,
    period date not null,
    day date not null,
    unit text not null,
    quantity numeric not null
);
create index if not exists etl_scope_days_scope on finops.etl_scope_days (source, period);

create table if not exists finops.rejected_usage (
    run_id uuid not null,
    domain text not null,
    source text not null,
    period date not null,
    usage_date date not null,
    extraction_run_id text not null,
    window_date date not null,
    record_id text not null,
    application_id text not null,
    product_id text,
    reason text not null,
    detail text,
    quantity numeric,
    unit text,
    amount numeric,
    currency text,
    created_at timestamptz not null default now()
);
-- As in the relevés: the product's family, and the amount in the reporting currency; null where it is not known.
alter table finops.rejected_usage add column if not exists family text;
alter table finops.rejected_usage add column if not exists total_cost numeric;
create index if not exists rejected_usage_scope on finops.rejected_usage (period, source);

-- Charges that are kept and reconciled, and are in no cost: the tax of a source that says `tax = apart`.
create table if not exists finops.set_apart_charges (
    run_id uuid not null,
    domain text not null,
    source text not null,
    period date not null,
    usage_date date not null,
    extraction_run_id text not null,
    window_date date not null,
    record_id text not null,
    application_id text not null,
    product_id text not null,
    family text not null,
    charge_category text not null,
    source_cost numeric not null,
    source_currency text not null,
    total_cost numeric not null,
    currency text not null,
    billed_cost numeric,
    invoice_id text,
    created_at timestamptz not null default now()
);
create index if not exists set_apart_charges_scope on finops.set_apart_charges (period, source);

-- The sources whose tax is set apart; written by each run from the configuration.
create table if not exists finops.etl_tax_apart (source text primary key);

-- What dbt made last: a fingerprint of the project's code, and one of the views and aggregates as they stand since. While
-- both hold, they are left alone.
create table if not exists finops.etl_project (code text not null, relations text not null);

-- The reference data as dbt loaded it last: the checksum of each seed's file, and a digest of the table that it made.
create table if not exists finops.etl_seeds (seed text primary key, checksum text not null, content text not null);

-- Documents and API items: one JSON document a row, whole.
do $$
declare
    raw_table text;
begin
    foreach raw_table in array array[
        'raw_open_legacy.cmdb_vm', 'raw_open_legacy.cmdb_disk', 'raw_open_legacy.cmdb_legacy_storage',
        'raw_private_cloud.openstack_usage', 'raw_private_cloud.cloudkitty_usage',
        'raw_private_cloud.kubernetes_allocation',
        'raw_native.gitlab_storage', 'raw_native.gitlab_ci_minutes', 'raw_native.artifactory_storage',
        'raw_native.cube_usage',
        'raw_open_legacy.declared', 'raw_private_cloud.declared', 'raw_native.declared',
        'raw_reference.backstage_catalog'
    ]
    loop
        execute format(
            'create table if not exists %s (
                record_id text not null, source text not null, window_date date not null,
                run_id text not null, loaded_at timestamptz not null, payload json not null)',
            raw_table
        );
        -- asked first: to create an index that exists would wait for whoever loads the table
        if to_regclass(raw_table || '_window') is null then
            execute format(
                'create index %s on %s (run_id, window_date)', split_part(raw_table, '.', 2) || '_window', raw_table
            );
        end if;
    end loop;
end
$$;

-- Billing lines: typed columns; what has no column of its own, or does not fit it, stays in other_columns.
create table if not exists raw_public_cloud.focus (
    record_id text not null,
    source text not null,
    window_date date not null,
    run_id text not null,
    loaded_at timestamptz not null,
    billed_cost numeric,
    effective_cost numeric,
    list_cost numeric,
    contracted_cost numeric,
    list_unit_price numeric,
    contracted_unit_price numeric,
    consumed_quantity numeric,
    pricing_quantity numeric,
    billing_period_start timestamptz,
    billing_period_end timestamptz,
    charge_period_start timestamptz,
    charge_period_end timestamptz,
    billing_account_id text,
    billing_account_name text,
    billing_currency text,
    charge_category text,
    charge_class text,
    charge_description text,
    charge_frequency text,
    commitment_discount_id text,
    commitment_discount_status text,
    consumed_unit text,
    invoice_issuer_name text,
    pricing_category text,
    pricing_unit text,
    provider_name text,
    publisher_name text,
    region_id text,
    resource_id text,
    resource_name text,
    resource_type text,
    service_category text,
    service_name text,
    sku_id text,
    sku_price_id text,
    sub_account_id text,
    sub_account_name text,
    tags json,
    other_columns json
);
do $$
begin
    if to_regclass('raw_public_cloud.focus_window') is null then
        create index focus_window on raw_public_cloud.focus (run_id, window_date);
    end if;
end
$$;

-- How a record of a declared source becomes usage lines; written by each run (declared.py).
create table if not exists finops.etl_declared_lines (
    source text not null,
    line_number bigint not null,
    application_path text [],
    date_path text [],
    sub_account_path text [],
    resource_path text [],
    resource_name_path text [],
    product_path text [],
    unit_path text [],
    quantity_path text [] not null,
    product_id text,
    unit text,
    factor numeric not null,
    primary key (source, line_number)
);

-- The version of each window that counts.
create or replace view finops.etl_accepted as
select distinct on (source, window_date)
    extraction_id,
    run_id,
    domain,
    source,
    measure,
    window_date,
    window_end,
    ended_at,
    record_count,
    periods,
    control_totals,
    purged_at
from finops.etl_extractions
where status = 'COMPLETE'
order by source, window_date, extraction_id desc;

-- The publication of each (source, period) that its relevés are of. One of before publications were numbered comes last.
create or replace view finops.etl_published as
select distinct on (source, period)
    run_id,
    source,
    period,
    publication,
    landed_digest,
    reference_digest,
    measured_days,
    estimated_days,
    landed_windows
from finops.etl_reconciliations
where status = 'PUBLISHED'
order by source, period, publication desc nulls last, decided_at desc;

-- What a run asked for, before dbt's project knew by itself what is due.
drop view if exists finops.etl_due_scopes;
drop view if exists finops.etl_known_scopes;

-- The months that a run of that day still works on as a matter of course: as ingest/periods.py has it.
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
create or replace function finops.take_up_run(taken uuid, starter text, more_periods date []) returns void
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
