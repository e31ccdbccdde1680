select
    -- where it comes from
    source.source,
    source.run_id as extraction_run_id,
    source.window_date,
    source.record_id,
    md5(cast(source.payload as text)) as record_hash,

    -- who
    {{ trimmed('document.application') }} as application_code,
    {{ trimmed('document.vm') }} as vm_name,
    {{ trimmed('document.name') }} as disk_name,

    -- how much
    lower({{ trimmed('document.tier') }}) as tier,
    {{ to_numeric(scalar_text('document.size_gib')) }} as size_gib,
    {{ scalar_text('document.size_gib') }} as size_gib_text
from {{ source('raw_open_legacy', 'cmdb_disk') }} as source
cross join lateral json_to_record(source.payload) as document (
    name text,
    application text,
    vm text,
    tier text,
    size_gib json
)
