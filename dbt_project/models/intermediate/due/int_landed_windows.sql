-- What landed that has a say in a source's month. A snapshot has a say in the days after it, those of the next month
-- included.
with inventory_days as (

    select * from {{ ref('int_inventory_days') }}

),

windows as (

    select * from {{ ref('int_windows') }}

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
        false as is_open_bill
    from inventory_days

    union all

    select
        source,
        period,
        measure,
        window_date as first_date,
        window_end as end_date,
        false as is_estimated,
        extraction_run_id,
        window_date,
        -- a bill goes on changing for some days after its month
        measure = 'billed' and cast(ended_at at time zone 'UTC' as date) < window_end + 3 as is_open_bill
    from windows

)

select * from landed
