select
    -- where it comes from
    source.source,
    source.run_id as extraction_run_id,
    source.window_date,
    source.record_id,
    md5(cast(source.payload as text)) as record_hash,

    -- who
    finops.trimmed(document.application) as application_code,
    finops.trimmed(document.vm) as vm_name,
    finops.trimmed(document.name) as disk_name,

    -- how much
    lower(finops.trimmed(document.tier)) as tier,
    finops.to_gib(document.size_gib_text) as size_gib,
    document.size_gib_text,

    -- whether it is still there
    lower(finops.trimmed(document.status)) as status,
    finops.to_date_utc(document.decommissioned_text) as decommission_date
from {{ source('raw_open_legacy', 'cmdb_disk') }} as source
cross join lateral (
    select
        fields.*,
        coalesce(
            finops.scalar_text(fields.size_gib),
            finops.scalar_text(fields.size),
            finops.scalar_text(fields.size_gb)
        ) as size_gib_text,
        coalesce(
            finops.scalar_text(fields.decommissioned_at),
            finops.scalar_text(fields.decommission_date)
        ) as decommissioned_text
    from
        json_to_record(source.payload)
            as fields (
                name text,
                application text,
                vm text,
                tier text,
                size_gib json,
                size json,
                size_gb json,
                status text,
                decommissioned_at json,
                decommission_date json
            )
    -- so that each is worked out once, though what reads it reads it several times
    offset 0 -- noqa: AM09
) as document
