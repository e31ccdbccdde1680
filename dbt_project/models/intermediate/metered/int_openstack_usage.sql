with windows as (

    select * from {{ ref('int_windows') }}

),

servers as (

    select * from {{ ref('stg_openstack__usage') }}

),

metered as (

    select
        windows.domain,
        windows.source,
        windows.period,
        windows.window_end,
        servers.extraction_run_id,
        servers.window_date,
        servers.record_id,
        servers.record_hash,
        cast(1 as bigint) as line_number,
        servers.window_date as usage_date,
        cast(null as text) as application_code,
        servers.tenant_id as sub_account_id,
        cast(null as text) as sub_account_name,
        servers.instance_id as resource_id,
        servers.server_name as resource_name,
        cast('{}' as jsonb) as labels,
        component.product_ref,
        component.quantity,
        component.unit,
        servers.usage_text as quantity_text
    from windows
    inner join servers
        on
            windows.source = servers.source
            and windows.extraction_run_id = servers.extraction_run_id
            and windows.window_date = servers.window_date
    cross join lateral (
        values
        ('openstack.vcpu_hour', servers.hours * servers.vcpus, 'vCPU-hour'),
        -- 2^-10: MiB to GiB without rounding
        ('openstack.ram_gib_hour', servers.hours * servers.memory_mib * 0.0009765625, 'GiB-hour'),
        ('openstack.storage_gib_hour', servers.hours * servers.local_gib, 'GiB-hour')
    ) as component (product_ref, quantity, unit)

)

select * from metered
