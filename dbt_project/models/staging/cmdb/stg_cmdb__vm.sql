select
    -- where it comes from
    source.source,
    source.run_id as extraction_run_id,
    source.window_date,
    source.record_id,
    md5(cast(source.payload as text)) as record_hash,

    -- who
    finops.trimmed(document.application) as application_code,
    coalesce(finops.trimmed(document.cluster), finops.trimmed(document.parent)) as cluster_name,
    finops.trimmed(document.name) as vm_name,

    -- how much
    finops.to_count(document.vcpu_text) as vcpu,
    finops.to_gib(document.ram_gib_text) as ram_gib,
    document.vcpu_text,
    document.ram_gib_text,

    -- whether it is still there
    lower(finops.trimmed(document.status)) as status,
    finops.to_date_utc(document.decommissioned_text) as decommission_date
from {{ source('raw_open_legacy', 'cmdb_vm') }} as source
cross join lateral (
    select
        fields.*,
        coalesce(
            finops.scalar_text(fields.vcpu),
            finops.scalar_text(fields.cpu),
            finops.scalar_text(fields.vcpus)
        ) as vcpu_text,
        coalesce(
            finops.scalar_text(fields.ram_gib),
            finops.scalar_text(fields.ram),
            finops.scalar_text(fields.ram_gb),
            finops.scalar_text(fields.memory)
        ) as ram_gib_text,
        coalesce(
            finops.scalar_text(fields.decommissioned_at),
            finops.scalar_text(fields.decommission_date)
        ) as decommissioned_text
    from
        json_to_record(source.payload)
            as fields (
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
    -- so that each is worked out once, though what reads it reads it several times
    offset 0 -- noqa: AM09
) as document
