-- What the loader owns: the runs, the ledger of extractions, the rejects, and the raw tables that dlt appends to.
-- Idempotent: applied by the first run of a version. Everything else in the database belongs to dbt.

create schema if not exists finops;
create schema if not exists raw_open_legacy;
create schema if not exists raw_private_cloud;
create schema if not exists raw_public_cloud;
create schema if not exists raw_native;
create schema if not exists raw_reference;

-- Which version of these files was applied last: the same is not applied again, as that would lock the tables each night.
create table if not exists finops.etl_schema (version text not null);

-- The API's role: nobody logs in as it, and it reads the views of dbt_project/models/api alone. Where the loader may not
-- create roles, an administrator does, once (docs/api.md), and the next run grants it what it needs.
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
