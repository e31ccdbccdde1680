-- The ledger. dbt reads a window only through its latest COMPLETE row, so partial, refused and failed extractions are never
-- visible. control_totals is counted at the source, before landing: {"2026-09": {"records": 12, "EffectiveCost": "1.5", …}},
-- with one key per period of the window.
create table if not exists finops.etl_extractions (
    extraction_id bigint generated always as identity primary key,
    run_id uuid not null references finops.etl_runs,
    domain text not null,
    source text not null,
    measure text not null,
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

create or replace trigger append_only before update or delete on finops.etl_extractions
for each row execute function finops.append_only('RUNNING');

alter table finops.etl_extractions
drop constraint if exists etl_extractions_measure_check,
add constraint etl_extractions_measure_check check (measure in ('reference', 'inventory', 'metered', 'billed'));

-- The accepted version of each window. A source has one domain: that of its latest window, also for what it landed before.
create or replace view finops.etl_accepted as
select
    extraction_id,
    run_id,
    (
        select latest.domain
        from finops.etl_extractions as latest
        where latest.source = accepted.source and latest.status = 'COMPLETE'
        order by latest.window_date desc, latest.extraction_id desc
        limit 1
    ) as domain,
    source,
    measure,
    window_date,
    window_end,
    ended_at,
    record_count,
    periods,
    control_totals,
    purged_at
from (
    select distinct on (source, window_date) *
    from finops.etl_extractions
    where status = 'COMPLETE'
    order by source, window_date, extraction_id desc
) as accepted;
