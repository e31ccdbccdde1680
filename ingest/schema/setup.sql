-- The loader's tables: runs, the ledger of extractions, rejects, and the raw tables. Idempotent: applied by the first run of a
-- version. Everything else in the database belongs to dbt.

create schema if not exists finops;
create schema if not exists raw_open_legacy;
create schema if not exists raw_private_cloud;
create schema if not exists raw_public_cloud;
create schema if not exists raw_native;
create schema if not exists raw_reference;
-- of the views that dbt makes, whose role makes no schema
create schema if not exists finops_staging;
create schema if not exists finops_intermediate;

-- The version of these files that was last applied. It is not applied again, because that would lock the tables every night.
create table if not exists finops.etl_schema (version text not null);

-- The API's role. It cannot log in and can only read the views of dbt_project/models/api. If the loader may not create roles,
-- an administrator creates it (docs/api.md), and the next run grants it the views.
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
