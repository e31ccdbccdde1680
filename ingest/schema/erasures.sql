-- What `finops erase` has erased: who, when, and how many rows of which column; never the value itself. Only added to.
create table if not exists finops.etl_erasures (
    erasure_id uuid not null,
    erased_at timestamptz not null default clock_timestamp(),
    erased_by text not null,
    what text not null check (what in ('field', 'subject')),
    field text, -- as it was written; of a subject, the field that it was looked for in, if one was named
    action text not null check (action in ('drop', 'hash')),
    relation text not null,
    column_name text not null,
    source text, -- of a raw table
    row_count bigint not null
);
create or replace trigger append_only before update or delete on finops.etl_erasures
for each row execute function finops.append_only();
