-- The sources whose tax is set apart; written by each run from the configuration.
create table if not exists finops.etl_tax_apart (source text primary key);

-- Fingerprints of the project's code and of the views and aggregates that dbt last built from it. While both match, dbt
-- leaves them alone.
create table if not exists finops.etl_project (code text not null, relations text not null);

-- The reference data as dbt last loaded it: a checksum of each seed file and a digest of its table.
create table if not exists finops.etl_seeds (seed text primary key, checksum text not null, content text not null);

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
    quantity_path text [] not null,
    product_id text,
    unit text,
    factor numeric not null,
    primary key (source, line_number)
);
