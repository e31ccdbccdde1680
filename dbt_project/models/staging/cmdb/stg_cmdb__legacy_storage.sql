select
    -- where it comes from
    source.source,
    source.run_id as extraction_run_id,
    source.window_date,
    source.record_id,
    md5(cast(source.payload as text)) as record_hash,

    -- who
    finops.trimmed(document.application) as application_code,
    finops.trimmed(document.name) as volume_name,

    -- how much
    lower(finops.trimmed(document.kind)) as kind,
    finops.to_gib(document.used_gib_text) as used_gib,
    document.used_gib_text,

    -- whether it is still there
    lower(finops.trimmed(document.status)) as status,
    finops.to_date_utc(document.decommissioned_text) as decommission_date
from {{ source('raw_open_legacy', 'cmdb_legacy_storage') }} as source
cross join lateral (
    select
        fields.*,
        coalesce(
            finops.scalar_text(fields.used_gib),
            finops.scalar_text(fields.used),
            finops.scalar_text(fields.used_gb)
        ) as used_gib_text,
        coalesce(
            finops.scalar_text(fields.decommissioned_at),
            finops.scalar_text(fields.decommission_date)
        ) as decommissioned_text
    from
        json_to_record(source.payload)
            as fields (
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
    -- so that each is worked out once, though what reads it reads it several times
    offset 0 -- noqa: AM09
) as document
