select
    -- where it comes from
    source.source,
    source.run_id as extraction_run_id,
    source.window_date,
    source.record_id,

    -- what: references ignore case; a text that is too long for the mart is cut
    lower(entity.kind) as kind,
    entity.namespace,
    finops.bounded(lower(entity.kind || ':' || entity.namespace || '/' || entity.name)) as entity_ref,
    finops.bounded(entity.name) as entity_name,
    finops.bounded(
        coalesce(
            finops.trimmed(entity.spec -> 'profile' ->> 'displayName'), finops.trimmed(entity.metadata ->> 'title')
        )
    ) as title,
    finops.bounded(
        finops.trimmed(entity.metadata -> 'annotations' ->> '{{ setting("backstage_application_annotation") }}')
    ) as annotated_code,

    -- whose
    finops.entity_ref(finops.trimmed(entity.spec ->> 'owner'), 'group', entity.namespace) as owner_ref,
    finops.entity_ref(finops.trimmed(entity.spec ->> 'system'), 'system', entity.namespace) as system_ref,
    finops.entity_ref(finops.trimmed(entity.spec ->> 'parent'), 'group', entity.namespace) as parent_ref,
    case json_typeof(entity.spec -> 'children') when 'array' then entity.spec -> 'children' end as children
from {{ source('raw_reference', 'backstage_catalog') }} as source
cross join lateral (
    select
        fields.kind,
        fields.metadata,
        fields.spec,
        finops.trimmed(fields.metadata ->> 'name') as name,
        lower(coalesce(finops.trimmed(fields.metadata ->> 'namespace'), 'default')) as namespace
    from json_to_record(source.payload) as fields (
        kind text,
        metadata json,
        spec json
    )
) as entity
