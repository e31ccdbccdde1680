-- A dataframe holds the points of every metric for one hour: one row per point. A row of the summary is one already,
-- under the names of its columns; it says no unit.
select
    -- where it comes from
    source.source,
    source.run_id as extraction_run_id,
    source.window_date,
    source.record_id,
    frame.record_hash,

    -- who
    coalesce(metric.key, frame.metric) as metric,
    point.number as point_number,
    coalesce(point.document #>> '{groupby,project_id}', frame.project_id) as project_id,
    point.document #>> '{groupby,id}' as resource_id,
    point.document #>> '{metadata,name}' as resource_name,

    -- when
    frame.usage_started_at,

    -- how much
    point.document #>> '{vol,unit}' as unit,
    finops.to_numeric(coalesce(point.document #>> '{vol,qty}', frame.quantity)) as quantity,
    coalesce(point.document #>> '{vol,qty}', frame.quantity) as quantity_text,
    frame.quantity is not null as is_summary
from {{ source('raw_private_cloud', 'cloudkitty_usage') }} as source
-- once a dataframe, and not for each of its points: with thousands of them it takes minutes
cross join
    lateral (
        select
            md5(cast(source.payload as text)) as record_hash,
            fields.type as metric,
            fields.project_id,
            finops.to_utc(coalesce(fields.period ->> 'begin', fields.begin)) as usage_started_at,
            fields.qty as quantity,
            case json_typeof(fields.usage) when 'object' then fields.usage end as points
        from
            json_to_record(source.payload)
                as fields (
                    type text,
                    project_id text,
                    period json,
                    begin text,
                    qty text,
                    usage json
                )
        offset 0 -- noqa: AM09
    ) as frame
-- left joins: a dataframe without points still has to be accounted for
left join lateral json_each(frame.points) as metric on true
left join lateral (
    select
        element.document,
        row_number() over () as number
    from json_array_elements(
        case json_typeof(metric.value) when 'array' then metric.value end
    ) as element (document)
) as point on true
