with days as (

    select * from {{ ref('int_inventory_days') }}

),

repositories as (

    select * from {{ ref('stg_artifactory__repositories') }}

),

capacity as (

    select
        days.domain,
        days.source,
        days.period,
        days.usage_date,
        days.is_estimated,
        repositories.extraction_run_id,
        repositories.window_date,
        repositories.record_id,
        repositories.record_hash,
        cast(null as text) as application_code,
        repositories.project_key as sub_account_id,
        cast(null as text) as sub_account_name,
        repositories.repository_key as resource_id,
        cast(null as text) as resource_name,
        'artifactory.storage_gib' as product_ref,
        -- Artifactory writes GB and means GiB
        case
            when repositories.used_bytes is not null then {{ bytes_to_gib('repositories.used_bytes') }}
            when repositories.used_unit = 'bytes' then {{ bytes_to_gib('repositories.used_value') }}
            when repositories.used_unit = 'kb' then {{ bytes_to_gib('repositories.used_value * 1024') }}
            when repositories.used_unit = 'mb' then {{ bytes_to_gib('repositories.used_value * 1048576') }}
            when repositories.used_unit = 'gb' then repositories.used_value
            when repositories.used_unit = 'tb' then repositories.used_value * 1024
        end as capacity,
        'GiB-month' as unit,
        repositories.used_text as capacity_text
    from days
    inner join repositories
        on
            days.source = repositories.source
            and days.extraction_run_id = repositories.extraction_run_id
            and days.window_date = repositories.window_date

)

select * from capacity
