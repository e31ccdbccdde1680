with windows as (

    select * from {{ ref('int_windows') }}

),

products as (

    select * from {{ source('reference', 'products') }}

),

points as (

    select * from {{ ref('stg_cloudkitty__usage') }}

),

metered as (

    select
        windows.domain,
        windows.source,
        windows.period,
        windows.window_end,
        points.extraction_run_id,
        points.window_date,
        points.record_id,
        points.record_hash,
        points.point_number as line_number,
        cast(points.usage_started_at at time zone 'UTC' as date) as usage_date,
        cast(null as text) as application_code,
        points.project_id as sub_account_id,
        cast(null as text) as sub_account_name,
        points.resource_id,
        points.resource_name,
        cast('{}' as jsonb) as labels,
        'cloudkitty.' || points.metric as product_ref,
        points.quantity,
        -- a metric has one unit, and the summary leaves it out: the catalogue's is meant
        case when points.is_summary then products.unit else points.unit end as unit,
        points.quantity_text
    from windows
    inner join points
        on
            windows.source = points.source
            and windows.extraction_run_id = points.extraction_run_id
            and windows.window_date = points.window_date
    left join products on 'cloudkitty.' || points.metric = products.product_id

)

select * from metered
