select
    -- where it comes from
    source.source,
    source.run_id as extraction_run_id,
    source.window_date,
    source.record_id,
    md5(cast(source.payload as text)) as record_hash,

    -- who
    {{ trimmed('document.application') }} as application_code,
    {{ trimmed('document.cluster') }} as cluster_name,
    {{ trimmed('document.name') }} as vm_name,

    -- how much
    {{ to_numeric(scalar_text('document.vcpu')) }} as vcpu,
    {{ to_numeric(scalar_text('document.ram_gib')) }} as ram_gib,
    {{ scalar_text('document.vcpu') }} as vcpu_text,
    {{ scalar_text('document.ram_gib') }} as ram_gib_text
from {{ source('raw_open_legacy', 'cmdb_vm') }} as source
cross join lateral json_to_record(source.payload) as document (
    name text,
    application text,
    cluster text,
    vcpu json,
    ram_gib json
)
