-- Billing lines with typed columns; values without a column, or that do not fit theirs, are in other_columns.
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

-- Documents and API items: one whole JSON document per row.
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
        'raw_reference.backstage_catalog', 'raw_reference.reference_tables',
        'raw_public_cloud.focus' -- is there
    ]
    loop
        execute format(
            'create table if not exists %s (
                record_id text not null, source text not null, window_date date not null,
                run_id text not null, loaded_at timestamptz not null, payload json not null)',
            raw_table
        );
        -- checked first: `create index if not exists` would wait for a load of the table
        if to_regclass(raw_table || '_window') is null then
            execute format(
                'create index %s on %s (run_id, window_date)', split_part(raw_table, '.', 2) || '_window', raw_table
            );
        end if;
    end loop;
end
$$;
