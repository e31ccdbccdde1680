-- Sources that a company declares: the declaration says which field of a record is what. A window of a month is spread
-- over its days. A line without a quantity is 1 of its unit; one with a cost is not priced by the catalogue.
with windows as (

    select * from {{ ref('int_windows') }}

),

records as (

    select * from {{ ref('stg_declared') }}

),

lines as (

    select * from {{ source('finops', 'etl_declared_lines') }}

),

spread as (

    select
        windows.domain,
        windows.source,
        windows.period,
        windows.window_end,
        windows.window_end - windows.window_date as day_count,
        calendar.day_number,
        records.extraction_run_id,
        records.window_date,
        records.record_id,
        records.record_hash,
        lines.line_number,
        finops.to_date_utc(finops.trimmed(records.payload #>> lines.date_path)) as stated_date,
        lines.date_path is not null as has_date,
        finops.trimmed(records.payload #>> lines.application_path) as application_code,
        records.payload #>> lines.sub_account_path as sub_account_id,
        records.payload #>> lines.resource_path as resource_id,
        records.payload #>> lines.resource_name_path as resource_name,
        coalesce(lines.product_id, finops.trimmed(records.payload #>> lines.product_path)) as product_ref,
        case
            when lines.quantity_path is null then cast(1 as numeric)
            else finops.to_numeric(records.payload #>> lines.quantity_path) * lines.factor
        end as quantity,
        coalesce(lines.unit, finops.trimmed(records.payload #>> lines.unit_path)) as unit,
        records.payload #>> lines.quantity_path as quantity_text,
        lines.cost_path is not null as has_own_cost,
        finops.to_numeric(records.payload #>> lines.cost_path) as cost,
        coalesce(lines.currency, upper(finops.trimmed(records.payload #>> lines.currency_path))) as cost_currency,
        records.payload #>> lines.cost_path as cost_text
    from windows
    inner join records
        on
            windows.source = records.source
            and windows.extraction_run_id = records.extraction_run_id
            and windows.window_date = records.window_date
    inner join lines on records.source = lines.source
    -- constant bounds, as in int_inventory_days: the planner knows that a month has few days
    cross join generate_series(1, 31) as calendar (day_number)
    where
        windows.measure = 'metered'
        and windows.window_date + calendar.day_number <= windows.window_end

),

metered as (

    select
        domain,
        source,
        period,
        window_end,
        extraction_run_id,
        window_date,
        record_id,
        record_hash,
        (line_number - 1) * day_count + day_number as line_number,
        case when has_date then stated_date else window_date + day_number - 1 end as usage_date,
        application_code,
        sub_account_id,
        cast(null as text) as sub_account_name,
        resource_id,
        resource_name,
        cast('{}' as jsonb) as labels,
        product_ref,
        finops.day_share(quantity, day_number, day_count) as quantity,
        unit,
        quantity_text,
        has_own_cost,
        finops.day_share(cost, day_number, day_count) as cost,
        cost_currency,
        cost_text
    from spread

)

select * from metered
