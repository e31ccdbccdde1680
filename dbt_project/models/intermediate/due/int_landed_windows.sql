-- What landed that has a say in a source's month. A snapshot has a say in the days after it, those of the next month
-- included.
with inventory_days as (

    select * from {{ ref('int_inventory_days') }}

),

windows as (

    select * from {{ ref('int_windows') }}

),

bill_status as (

    select * from {{ source('finops', 'etl_bill_status') }}

),

landed as (

    select
        source,
        period,
        'inventory' as measure,
        usage_date as first_date,
        usage_date + 1 as end_date,
        is_estimated,
        extraction_run_id,
        window_date,
        cast(null as boolean) as is_stated_open,
        false as is_open_bill
    from inventory_days

    union all

    select
        windows.source,
        windows.period,
        windows.measure,
        windows.window_date as first_date,
        windows.window_end as end_date,
        false as is_estimated,
        windows.extraction_run_id,
        windows.window_date,
        bill_status.is_open as is_stated_open,
        -- where the provider does not say: a bill goes on changing for some days after its month
        coalesce(
            bill_status.is_open,
            windows.measure = 'billed' and cast(windows.ended_at at time zone 'UTC' as date) < windows.window_end + 3
        ) as is_open_bill
    from windows
    left join bill_status
        on
            windows.measure = 'billed'
            and windows.source = bill_status.source
            and windows.window_date = bill_status.period

)

select * from landed
