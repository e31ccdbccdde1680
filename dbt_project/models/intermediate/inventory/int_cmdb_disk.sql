with days as (

    select * from {{ ref('int_inventory_days') }}

),

disks as (

    select * from {{ ref('stg_cmdb__disk') }}

),

capacity as (

    select
        days.domain,
        days.source,
        days.period,
        days.usage_date,
        days.is_estimated,
        disks.extraction_run_id,
        disks.window_date,
        disks.record_id,
        disks.record_hash,
        disks.application_code,
        cast(null as text) as sub_account_id,
        cast(null as text) as sub_account_name,
        cast(null as text) as resource_id,
        disks.disk_name as resource_name,
        jsonb_strip_nulls(jsonb_build_object('vm', disks.vm_name)) as labels,
        'disk.' || coalesce(disks.tier, 'unknown') || '_gib' as product_ref,
        case when disks.is_in_service then disks.size_gib else 0 end as capacity,
        'GiB-month' as unit,
        disks.size_gib_text as capacity_text,
        disks.size_gib_remedy as capacity_remedy,
        {{ setting('max_storage_gib') }} as max_capacity
    from days
    inner join disks
        on
            days.source = disks.source
            and days.extraction_run_id = disks.extraction_run_id
            and days.window_date = disks.window_date

)

select * from capacity
