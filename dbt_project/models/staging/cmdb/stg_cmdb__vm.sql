select
    -- where it comes from
    source.source,
    source.run_id as extraction_run_id,
    source.window_date,
    source.record_id,
    md5(cast(source.payload as text)) as record_hash,

    -- who
    {{ trimmed('document.application') }} as application_code,
    coalesce({{ trimmed('document.cluster') }}, {{ trimmed('document.parent') }}) as cluster_name,
    {{ trimmed('document.name') }} as vm_name,

    -- how much
    {{ to_count('document.vcpu_text') }} as vcpu,
    {{ to_gib('document.ram_gib_text') }} as ram_gib,
    document.vcpu_text,
    document.ram_gib_text,

    -- whether it is still there
    lower({{ trimmed('document.status') }}) as status,
    {{ to_date_utc('document.decommissioned_text') }} as decommission_date
from {{ source('raw_open_legacy', 'cmdb_vm') }} as source
cross join lateral (
    select
        fields.*,
        {{ first_text(['fields.vcpu', 'fields.cpu', 'fields.vcpus']) }} as vcpu_text,
        {{ first_text(['fields.ram_gib', 'fields.ram', 'fields.ram_gb', 'fields.memory']) }} as ram_gib_text,
        {{ first_text(['fields.decommissioned_at', 'fields.decommission_date']) }} as decommissioned_text
    from json_to_record(source.payload) as fields (
        name text,
        application text,
        cluster text,
        parent text,
        vcpu json,
        cpu json,
        vcpus json,
        ram_gib json,
        ram json,
        ram_gb json,
        memory json,
        status text,
        decommissioned_at json,
        decommission_date json
    )
) as document
