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
    document.cluster as cluster_name,
    document.name as vm_name,

    -- how much
    finops.to_count(document.vcpu) as vcpu,
    document.vcpu as vcpu_text,
    finops.to_gib(document.ram, document.ram_unit) as ram_gib,
    document.ram as ram_gib_text,
    case when finops.to_numeric(document.ram) is not null then document.ram_remedy end as ram_gib_remedy,

    -- whether it is still there
    lower(document.status) as status,
    finops.to_date_utc(document.decommissioned) as decommission_date,
    not document.is_gone
    and coalesce(finops.to_date_utc(document.decommissioned) > source.window_date, true) as is_in_service
from {{ source('raw_open_legacy', 'cmdb_vm') }} as source
{{ cmdb_document('vm', setting('cmdb')) }}
