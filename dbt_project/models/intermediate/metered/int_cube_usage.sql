with windows as (

    select * from {{ ref('int_windows') }}

),

usages as (

    select * from {{ ref('stg_cube__usage') }}

),

metered as (

    select
        windows.domain,
        windows.source,
        windows.period,
        windows.window_end,
        usages.extraction_run_id,
        usages.window_date,
        usages.record_id,
        usages.record_hash,
        cast(1 as bigint) as line_number,
        usages.window_date as usage_date,
        usages.application_code,
        cast(null as text) as sub_account_id,
        cast(null as text) as sub_account_name,
        cast(null as text) as resource_id,
        cast(null as text) as resource_name,
        cast('{}' as jsonb) as labels,
        'cube.query' as product_ref,
        usages.quantity,
        'query' as unit,
        usages.quantity_text
    from windows
    inner join usages
        on
            windows.source = usages.source
            and windows.extraction_run_id = usages.extraction_run_id
            and windows.window_date = usages.window_date

)

select * from metered
