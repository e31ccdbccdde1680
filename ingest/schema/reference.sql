-- The reference data that is in use: what the models read as source('reference', …). The loader replaces the rows of a table when
-- its source says something else (ingest/reference). In databases of earlier versions, dbt made these tables of its seeds.
create schema if not exists finops_reference;
create table if not exists finops_reference.groups (group_id text, group_name text, parent_group_id text);
create table if not exists finops_reference.applications (
    application_id text, application_name text, group_id text, entity_ref text
);
create table if not exists finops_reference.application_owners (
    application_id text, group_id text, valid_from date, valid_to date
);
create table if not exists finops_reference.application_aliases (alias text, application_id text);
create table if not exists finops_reference.application_rules (
    rule_id text,
    source text,
    field text,
    match_type text,
    pattern text,
    application_id text,
    priority integer,
    valid_from date,
    valid_to date
);
create table if not exists finops_reference.products (
    product_id text, product_name text, family text, domain text, unit text
);
create table if not exists finops_reference.product_mappings (
    provider_name text, sku_id text, service_name text, product_id text
);
create table if not exists finops_reference.prices (
    product_id text, unit_price numeric, currency text, valid_from date, valid_to date
);
create table if not exists finops_reference.fx_rates (
    period date, from_currency text, to_currency text, rate numeric
);

alter table finops_reference.groups add column if not exists parent_group_id text;
alter table finops_reference.applications add column if not exists entity_ref text;

-- Where the rows in use of each table came from.
create table if not exists finops.etl_reference (
    table_name text primary key,
    place text not null,
    row_count bigint not null,
    digest text not null,
    run_id uuid not null
);
drop table if exists finops.etl_seeds; -- the files as dbt loaded them

-- Have the planner know the rows of a table that was replaced: only an owner may.
create or replace function finops.analyze_reference(table_name name) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    execute format('analyze finops_reference.%I', table_name);
end
$$;

-- A digest of all reference data in use, whoever wrote it.
create or replace function finops.reference_digest() returns text language sql stable as $$
    select string_agg(finops.table_digest(pg_class.oid), ' ' order by relname)
    from pg_class
    where relnamespace = 'finops_reference'::regnamespace and relkind = 'r'
$$;
