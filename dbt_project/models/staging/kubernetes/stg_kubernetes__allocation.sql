select
    -- where it comes from
    source.source,
    source.run_id as extraction_run_id,
    source.window_date,
    source.record_id,
    md5(cast(source.payload as text)) as record_hash,

    -- who
    allocation.name as allocation_name,
    allocation.properties ->> 'cluster' as cluster_name,
    allocation.properties ->> 'namespace' as namespace,

    -- when
    finops.to_utc(allocation.usage_window ->> 'start') as usage_started_at,

    -- how much
    finops.to_numeric(allocation."cpuCoreHours") as cpu_core_hours,
    finops.to_numeric(allocation."ramByteHours") as ram_byte_hours,
    finops.to_numeric(coalesce(allocation."pvByteHours", '0')) as pv_byte_hours,
    concat_ws(' ', allocation."cpuCoreHours", allocation."ramByteHours", allocation."pvByteHours") as usage_text
from {{ source('raw_private_cloud', 'kubernetes_allocation') }} as source
cross join lateral (
    select
        fields.*,
        source.payload -> 'window' as usage_window
    from json_to_record(source.payload) as fields (
        name text,
        properties json,
        "cpuCoreHours" text,
        "ramByteHours" text,
        "pvByteHours" text
    )
) as allocation
