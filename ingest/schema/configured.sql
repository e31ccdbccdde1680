-- What a company decides about its costs (ingest/config/rules.py), written by each run; dbt reads it by the macro `setting`.
create table if not exists finops.etl_settings (name text primary key, value jsonb not null);

-- The sources whose tax is set apart; written by each run from the configuration.
create table if not exists finops.etl_tax_apart (source text primary key);

-- Fingerprints of what dbt's last complete build stood on (ingest/pipeline/dbt.py). While they match, what was made of it is
-- left alone. A build removes them when it begins: after one that did not end well, everything is built.
create table if not exists finops.etl_project (code text not null, relations text not null);
alter table finops.etl_project add column if not exists reference text;

-- How a record of a declared source becomes usage lines; written by each run (sources/declared.py).
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
    quantity_path text [],
    product_id text,
    unit text,
    factor numeric not null,
    cost_path text [],
    currency_path text [],
    currency text,
    primary key (source, line_number)
);
alter table finops.etl_declared_lines
alter column quantity_path drop not null, -- without one, a line is 1 of its unit, at a cost of its own
add column if not exists cost_path text [],
add column if not exists currency_path text [],
add column if not exists currency text;
