-- A dataframe holds the points of every metric for one hour: one row per point. A row of the summary is one already,
-- under the names of its columns; it says no unit.
select
    -- where it comes from
    source.source,
    source.run_id as extraction_run_id,
    source.window_date,
    source.record_id,
    md5(cast(source.payload as text)) as record_hash,

    -- who
    coalesce(metric.key, source.payload ->> 'type') as metric,
    point.number as point_number,
    coalesce(point.document #>> '{groupby,project_id}', source.payload ->> 'project_id') as project_id,
    point.document #>> '{groupby,id}' as resource_id,
    point.document #>> '{metadata,name}' as resource_name,

    -- when
    finops.to_utc(coalesce(source.payload #>> '{period,begin}', source.payload ->> 'begin')) as usage_started_at,

    -- how much
    point.document #>> '{vol,unit}' as unit,
    finops.to_numeric(coalesce(point.document #>> '{vol,qty}', source.payload ->> 'qty')) as quantity,
    coalesce(point.document #>> '{vol,qty}', source.payload ->> 'qty') as quantity_text,
    source.payload ->> 'qty' is not null as is_summary
from {{ source('raw_private_cloud', 'cloudkitty_usage') }} as source
-- left joins: a dataframe without points still has to be accounted for
left join lateral json_each(
    case json_typeof(source.payload -> 'usage') when 'object' then source.payload -> 'usage' end
) as metric on true
left join lateral (
    select
        element.document,
        row_number() over () as number
    from json_array_elements(
        case json_typeof(metric.value) when 'array' then metric.value end
    ) as element (document)
) as point on true
