select
    -- where it comes from
    source.source,
    source.run_id as extraction_run_id,
    source.window_date,
    source.record_id,
    md5(cast(source.payload as text)) as record_hash,
    document.paths as field_paths,

    -- who
    document.application as application_code,
    document.name as volume_name,

    -- how much
    lower(document.kind) as kind,
    finops.to_gib(document.used, document.used_unit) as used_gib,
    document.used as used_gib_text,
    case when finops.to_numeric(document.used) is not null then document.used_remedy end as used_gib_remedy,

    -- whether it is still there
    lower(document.status) as status,
    finops.to_date_utc(document.decommissioned) as decommission_date,
    not document.is_gone
    and coalesce(finops.to_date_utc(document.decommissioned) > source.window_date, true) as is_in_service
from {{ source('raw_open_legacy', 'cmdb_legacy_storage') }} as source
{{ cmdb_document('legacy_storage', setting('cmdb')) }}
