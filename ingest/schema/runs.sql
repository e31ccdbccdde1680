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
-- The run's day, its requested sources (null: all), and the published (source, month) pairs whose reference data has changed
-- since, and which wait for a reprocess.
alter table finops.etl_runs add column if not exists as_of date;
alter table finops.etl_runs add column if not exists sources text [];
alter table finops.etl_runs add column if not exists waiting_scopes text [] not null default '{}';
-- Whether a closed month may change by any amount; and the changes of the run, {"2026-09": "-12.5"}, in the reporting
-- currency.
alter table finops.etl_runs add column if not exists accepts_changes boolean not null default false;
alter table finops.etl_runs add column if not exists changes jsonb not null default '{}';
create index if not exists etl_runs_start_time on finops.etl_runs (start_time);
create or replace trigger append_only before update or delete on finops.etl_runs
for each row execute function finops.append_only('RUNNING');

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
create or replace trigger append_only before update or delete on finops.etl_steps
for each row execute function finops.append_only('RUNNING');
