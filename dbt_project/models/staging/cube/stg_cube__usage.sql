select
    -- where it comes from
    source.source,
    source.run_id as extraction_run_id,
    source.window_date,
    source.record_id,
    md5(cast(source.payload as text)) as record_hash,

    -- who
    finops.trimmed(source.payload ->> '{{ setting("cube_application_member") }}') as application_code,

    -- how much: Cube sends its numbers as strings
    finops.to_numeric(source.payload ->> '{{ setting("cube_quantity_member") }}') as quantity,
    source.payload ->> '{{ setting("cube_quantity_member") }}' as quantity_text
from {{ source('raw_native', 'cube_usage') }} as source
