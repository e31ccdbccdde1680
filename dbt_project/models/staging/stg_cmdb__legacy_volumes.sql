select
    -- where it comes from
    source.source,
    source.run_id as extraction_run_id,
    source.window_date,
    source.record_id,
    md5(cast(source.payload as text)) as record_hash,

    -- who
    {{ trimmed('document.application') }} as application_code,
    {{ trimmed('document.name') }} as volume_name,

    -- how much
    lower({{ trimmed('document.kind') }}) as kind,
    {{ to_numeric(scalar_text('document.used_gib')) }} as used_gib,
    {{ scalar_text('document.used_gib') }} as used_gib_text
from {{ source('raw_open_legacy', 'cmdb_legacy_storage') }} as source
cross join lateral json_to_record(source.payload) as document (
    name text,
    application text,
    kind text,
    used_gib json
)
