{% set deduplicate = setting('artifactory_deduplicate') -%}
with days as (

    select * from {{ ref('int_inventory_days') }}

),

repositories as (

    select * from {{ ref('stg_artifactory__storage') }}

),

sized as (

    select
        *,
        -- Artifactory writes GB and means GiB
        case
            when used_bytes is not null then finops.bytes_to_gib(used_bytes)
            when used_unit = 'bytes' then finops.bytes_to_gib(used_value)
            when used_unit = 'kb' then finops.bytes_to_gib(used_value * 1024)
            when used_unit = 'mb' then finops.bytes_to_gib(used_value * 1048576)
            when used_unit = 'gb' then used_value
            when used_unit = 'tb' then used_value * 1024
        end as used_gib
    from repositories

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
        cast('{}' as jsonb) as labels,
        {% if deduplicate -%}
        -- a product of its own, so that each relevé says it; multiplied first, the division carried to 20 decimals
            'artifactory.deduplicated_gib' as product_ref,
            case
                when repositories.used_gib = 0 then 0
                else round(
                    repositories.used_gib * repositories.binaries_gib * 1.00000000000000000000
                    / nullif(repositories.artifacts_gib, 0),
                    20
                )
            end as capacity,
            'GiB-month' as unit,
            concat_ws(' of ', repositories.used_text, coalesce(repositories.binaries_text, 'no binariesSummary'))
                as capacity_text,
            cast(null as text) as capacity_remedy,
        {%- else -%}
            'artifactory.storage_gib' as product_ref,
            repositories.used_gib as capacity,
            'GiB-month' as unit,
            repositories.used_text as capacity_text,
            cast(null as text) as capacity_remedy,
        {%- endif %}
        {{ setting('max_storage_gib') }} as max_capacity
    from days
    inner join sized as repositories
        on
            days.source = repositories.source
            and days.extraction_run_id = repositories.extraction_run_id
            and days.window_date = repositories.window_date

)

select * from capacity
