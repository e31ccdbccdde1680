with days as (

    select * from {{ ref('int_inventory_days') }}

),

volumes as (

    select * from {{ ref('stg_cmdb__legacy_storage') }}

),

capacity as (

    select
        days.domain,
        days.source,
        days.period,
        days.usage_date,
        days.is_estimated,
        volumes.extraction_run_id,
        volumes.window_date,
        volumes.record_id,
        volumes.record_hash,
        volumes.application_code,
        cast(null as text) as sub_account_id,
        cast(null as text) as sub_account_name,
        cast(null as text) as resource_id,
        volumes.volume_name as resource_name,
        cast('{}' as jsonb) as labels,
        'legacy_storage.' || coalesce(volumes.kind, 'unknown') || '_gib' as product_ref,
        case when volumes.is_in_service then volumes.used_gib else 0 end as capacity,
        'GiB-month' as unit,
        volumes.used_gib_text as capacity_text,
        volumes.used_gib_remedy as capacity_remedy,
        {{ setting('max_storage_gib') }} as max_capacity
    from days
    inner join volumes
        on
            days.source = volumes.source
            and days.extraction_run_id = volumes.extraction_run_id
            and days.window_date = volumes.window_date

)

select * from capacity
