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
    {{ to_gib('document.used_gib_text') }} as used_gib,
    document.used_gib_text,

    -- whether it is still there
    lower({{ trimmed('document.status') }}) as status,
    {{ to_date_utc('document.decommissioned_text') }} as decommission_date
from {{ source('raw_open_legacy', 'cmdb_legacy_storage') }} as source
cross join lateral (
    select
        fields.*,
        {{ first_text(['fields.used_gib', 'fields.used', 'fields.used_gb']) }} as used_gib_text,
        {{ first_text(['fields.decommissioned_at', 'fields.decommission_date']) }} as decommissioned_text
    from json_to_record(source.payload) as fields (
        name text,
        application text,
        kind text,
        used_gib json,
        used json,
        used_gb json,
        status text,
        decommissioned_at json,
        decommission_date json
    )
) as document
