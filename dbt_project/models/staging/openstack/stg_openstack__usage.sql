select
    -- where it comes from
    source.source,
    source.run_id as extraction_run_id,
    source.window_date,
    source.record_id,
    md5(cast(source.payload as text)) as record_hash,

    -- who
    server.tenant_id,
    server.instance_id,
    server.name as server_name,

    -- how much: Nova counts the hours inside the window that was asked for
    finops.to_numeric(server.hours) as hours,
    finops.to_numeric(server.vcpus) as vcpus,
    finops.to_numeric(server.memory_mb) as memory_mib,
    finops.to_numeric(server.local_gb) as local_gib,
    concat_ws(' ', server.hours, server.vcpus, server.memory_mb, server.local_gb) as usage_text
from {{ source('raw_private_cloud', 'openstack_usage') }} as source
cross join lateral json_to_record(source.payload) as server (
    tenant_id text,
    instance_id text,
    name text,
    hours text,
    vcpus text,
    memory_mb text,
    local_gb text
)
