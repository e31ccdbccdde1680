-- One row per run and (source, period) to publish, and attempt: a run that is resumed and publishes a scope again, since more
-- of it has landed, enters it once more. dbt fills in the result.
create table if not exists finops.etl_reconciliations (
    run_id uuid not null references finops.etl_runs,
    source text not null,
    period date not null,
    status text not null default 'PENDING',
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
-- The inputs of a publication, so that the next run knows whether they changed. `publication` is a number, because clocks can
-- step back; int_scopes computes the digests. The lists of measured and estimated days count days of the month from 1.
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
alter table finops.etl_reconciliations add column if not exists attempt integer not null default 1;
-- The last day with a cost: how far a bill is that still grows. What was published before has it from its relevés, once.
alter table finops.etl_reconciliations add column if not exists last_cost_day int;
do $$
begin
    if to_regclass('finops.fact_releve') is not null then
        update finops.etl_reconciliations as scope
        set last_cost_day = (
            select max(days.day_number)
            from finops.fact_releve as releves
            cross join lateral unnest(releves.daily_cost) with ordinality as days (cost, day_number)
            where releves.source = scope.source and releves.period = scope.period and days.cost <> 0
        )
        where status = 'PUBLISHED' and measured_days is null and last_cost_day is null;
    end if;
end
$$;
alter table finops.etl_reconciliations
drop constraint if exists etl_reconciliations_pkey,
add primary key (run_id, source, period, attempt),
drop constraint if exists etl_reconciliations_status_check,
add constraint etl_reconciliations_status_check check (status in ('PENDING', 'PUBLISHED', 'BLOCKED', 'REFUSED'));
create or replace trigger append_only before update or delete on finops.etl_reconciliations
for each row execute function finops.append_only('PENDING', 'BLOCKED', 'REFUSED');
create sequence if not exists finops.etl_publication;
drop index if exists finops.etl_reconciliations_scope;
create index if not exists etl_reconciliations_publication
on finops.etl_reconciliations (source, period, publication);

-- The reference-data keys used by the lines of a published (source, period): application codes, products, providers,
-- currencies, and currencies without a rate. The next run uses them to see whether a change concerns it.
create table if not exists finops.etl_scope_lookups (
    source text not null,
    period date not null,
    kind text not null check (kind in ('application', 'product', 'provider', 'currency', 'missing_rate')),
    key text not null
);
create index if not exists etl_scope_lookups_scope on finops.etl_scope_lookups (source, period);

-- The quantity of each day of an inventory, and of each window of a meter: as published, and as the last run found it that
-- did not publish it (int_scope_day_changes compares the two).
create table if not exists finops.etl_scope_days (
    source text not null,
    period date not null,
    day date not null,
    unit text not null,
    quantity numeric not null
);
alter table finops.etl_scope_days add column if not exists is_published boolean not null default true;
alter table finops.etl_scope_days add column if not exists is_estimated boolean not null default false;
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
-- As in the relevés: the product's family, and the amount in the reporting currency; null if unknown.
alter table finops.rejected_usage add column if not exists family text;
alter table finops.rejected_usage add column if not exists total_cost numeric;
create index if not exists rejected_usage_scope on finops.rejected_usage (period, source);

-- The cost that no application claims, by what to mend; it adds up to that of the relevés of UNALLOCATED. What was published
-- before this table has no rows here.
create table if not exists finops.unallocated_usage (
    run_id uuid not null,
    source text not null,
    period date not null,
    subject text not null,
    total_cost numeric not null,
    line_count bigint not null
);
create index if not exists unallocated_usage_scope on finops.unallocated_usage (period, source);

-- Charges that are reconciled but not a cost: tax of sources with `tax = apart`.
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

-- The current publication of each (source, period). Publications from before the numbering come last.
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
    landed_windows,
    last_cost_day
from finops.etl_reconciliations
where status = 'PUBLISHED'
order by source, period, publication desc nulls last, decided_at desc;

-- Removed: the scopes that a run requested; int_scopes now decides what is due.
drop view if exists finops.etl_due_scopes;
drop view if exists finops.etl_known_scopes;

-- Whether the records of a scope can be valued whose ids have a hash within bounds.
create or replace function finops.can_be_valued(of_source text, of_period date, lowest bigint, highest bigint) returns boolean
language plpgsql as $$
begin
    execute format(
        'select count(cast(lines as text)) from finops_intermediate.int_usage_valued as lines
        where source = %L and period = %L and hashtext(record_id) between %s and %s',
        of_source, of_period, lowest, highest
    );
    return true;
exception when others then
    return false;
end
$$;

-- The record that makes the valuation of a scope fail, found by halves; null where its valuation does not fail.
create or replace function finops.failing_record(of_source text, of_period date) returns text language plpgsql as $$
declare
    lowest bigint := -2147483648;
    highest bigint := 2147483647;
    middle bigint;
    found text;
begin
    if finops.can_be_valued(of_source, of_period, lowest, highest) then
        return null;
    end if;
    while lowest < highest loop
        middle := (lowest + highest) >> 1;
        if finops.can_be_valued(of_source, of_period, lowest, middle) then
            lowest := middle + 1;
        else
            highest := middle;
        end if;
    end loop;
    execute format(
        'select record_id from finops_intermediate.int_usage_lines
        where source = %L and period = %L and hashtext(record_id) = %s limit 1',
        of_source, of_period, lowest
    ) into found;
    return finops.shown(found);
exception when others then
    return null;
end
$$;
