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
    document.vm as vm_name,
    document.name as disk_name,

    -- how much
    lower(document.tier) as tier,
    finops.to_gib(document.size, document.size_unit) as size_gib,
    document.size as size_gib_text,
    case when finops.to_numeric(document.size) is not null then document.size_remedy end as size_gib_remedy,

    -- whether it is still there
    lower(document.status) as status,
    finops.to_date_utc(document.decommissioned) as decommission_date,
    not document.is_gone
    and coalesce(finops.to_date_utc(document.decommissioned) > source.window_date, true) as is_in_service
from {{ source('raw_open_legacy', 'cmdb_disk') }} as source
{{ cmdb_document('disk', setting('cmdb')) }}
