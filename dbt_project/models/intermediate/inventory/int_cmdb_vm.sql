with days as (

    select * from {{ ref('int_inventory_days') }}

),

vms as (

    select * from {{ ref('stg_cmdb__vm') }}

),

capacity as (

    select
        days.domain,
        days.source,
        days.period,
        days.usage_date,
        days.is_estimated,
        vms.extraction_run_id,
        vms.window_date,
        vms.record_id,
        vms.record_hash,
        vms.application_code,
        cast(null as text) as sub_account_id,
        vms.cluster_name as sub_account_name,
        cast(null as text) as resource_id,
        vms.vm_name as resource_name,
        cast('{}' as jsonb) as labels,
        component.product_ref,
        case when vms.is_in_service then component.capacity else 0 end as capacity,
        component.unit,
        component.capacity_text,
        component.capacity_remedy,
        component.max_capacity
    from days
    inner join vms
        on
            days.source = vms.source
            and days.extraction_run_id = vms.extraction_run_id
            and days.window_date = vms.window_date
    cross join lateral (
        values
        ('vm.vcpu', vms.vcpu, 'vCPU-month', vms.vcpu_text, cast(null as text), cast(null as numeric)),
        -- more memory than any machine has: a CMDB in MB that is read as GiB
        (
            'vm.ram_gib', vms.ram_gib, 'GiB-month', vms.ram_gib_text, vms.ram_gib_remedy,
            least(
                {{ setting('max_vm_ram_gib') }},
                {{ setting('max_ram_gib_per_vcpu') }} * nullif(greatest(vms.vcpu, 0), 0)
            )
        )
    ) as component (product_ref, capacity, unit, capacity_text, capacity_remedy, max_capacity)

)

select * from capacity
