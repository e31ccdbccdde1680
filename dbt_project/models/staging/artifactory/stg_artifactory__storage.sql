select
    -- where it comes from
    source.source,
    source.run_id as extraction_run_id,
    source.window_date,
    source.record_id,
    md5(cast(source.payload as text)) as record_hash,

    -- who
    repository."repoKey" as repository_key,
    repository."projectKey" as project_key,

    -- how much: bytes where this version of Artifactory gives them, else the text, "59.77 GB"
    finops.to_numeric(repository."usedSpaceInBytes") as used_bytes,
    finops.to_numeric(substring(replace(repository."usedSpace", ',', '') from '^\s*(-?[0-9.]+)')) as used_value,
    case
        when char_length(repository."usedSpace") <= 1000
            then lower(substring(repository."usedSpace" from '([A-Za-z]+)\s*(\(.*)?$'))
    end as used_unit,
    coalesce(repository."usedSpaceInBytes", repository."usedSpace") as used_text,

    -- how much of all repositories together is shared: what is on disk, and what it would be without sharing
    finops.artifactory_gib(repository."binariesSummary" ->> 'binariesSize') as binaries_gib,
    finops.artifactory_gib(repository."binariesSummary" ->> 'artifactsSize') as artifacts_gib,
    cast(repository."binariesSummary" as text) as binaries_text
from {{ source('raw_native', 'artifactory_storage') }} as source
cross join lateral json_to_record(source.payload) as repository (
    "repoKey" text,
    "projectKey" text,
    "usedSpace" text,
    "usedSpaceInBytes" text,
    "binariesSummary" json
)
