with windows as (

    select * from {{ ref('int_windows') }}

),

allocations as (

    select * from {{ ref('stg_kubernetes__allocation') }}

),

metered as (

    select
        windows.domain,
        windows.source,
        windows.period,
        windows.window_end,
        allocations.extraction_run_id,
        allocations.window_date,
        allocations.record_id,
        allocations.record_hash,
        cast(1 as bigint) as line_number,
        cast(allocations.usage_started_at at time zone 'UTC' as date) as usage_date,
        cast(null as text) as application_code,
        allocations.cluster_name as sub_account_id,
        cast(null as text) as sub_account_name,
        allocations.allocation_name as resource_id,
        allocations.namespace as resource_name,
        cast('{}' as jsonb) as labels,
        component.product_ref,
        component.quantity,
        component.unit,
        allocations.usage_text as quantity_text
    from windows
    inner join allocations
        on
            windows.source = allocations.source
            and windows.extraction_run_id = allocations.extraction_run_id
            and windows.window_date = allocations.window_date
    cross join lateral (
        values
        ('kubernetes.cpu_core_hour', allocations.cpu_core_hours, 'vCPU-hour'),
        ('kubernetes.ram_gib_hour', finops.bytes_to_gib(allocations.ram_byte_hours), 'GiB-hour'),
        ('kubernetes.pv_gib_hour', finops.bytes_to_gib(allocations.pv_byte_hours), 'GiB-hour')
    ) as component (product_ref, quantity, unit)

)

select * from metered
