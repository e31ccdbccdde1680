-- Sources that a company declares: the declaration says which field of a record is what. A line without a quantity is 1
-- of its unit; one with a cost is not priced by the catalogue.
with days as (

    select * from {{ ref('int_inventory_days') }}

),

records as (

    select * from {{ ref('stg_declared') }}

),

lines as (

    select * from {{ source('finops', 'etl_declared_lines') }}

),

capacity as (

    select
        days.domain,
        days.source,
        days.period,
        days.usage_date,
        days.is_estimated,
        records.extraction_run_id,
        records.window_date,
        records.record_id,
        records.record_hash,
        lines.line_number,
        finops.trimmed(records.payload #>> lines.application_path) as application_code,
        records.payload #>> lines.sub_account_path as sub_account_id,
        cast(null as text) as sub_account_name,
        records.payload #>> lines.resource_path as resource_id,
        records.payload #>> lines.resource_name_path as resource_name,
        cast('{}' as jsonb) as labels,
        coalesce(lines.product_id, finops.trimmed(records.payload #>> lines.product_path)) as product_ref,
        case
            when lines.quantity_path is null then cast(1 as numeric)
            else finops.to_numeric(records.payload #>> lines.quantity_path) * lines.factor
        end as capacity,
        coalesce(lines.unit, finops.trimmed(records.payload #>> lines.unit_path)) as unit,
        records.payload #>> lines.quantity_path as capacity_text,
        cast(null as text) as capacity_remedy,
        -- of what is not storage, nobody knows
        case
            when coalesce(lines.unit, finops.trimmed(records.payload #>> lines.unit_path)) = 'GiB-month'
                then {{ setting('max_storage_gib') }}
        end as max_capacity,
        lines.cost_path is not null as has_own_cost,
        finops.to_numeric(records.payload #>> lines.cost_path) as cost,
        coalesce(lines.currency, upper(finops.trimmed(records.payload #>> lines.currency_path))) as cost_currency,
        records.payload #>> lines.cost_path as cost_text
    from days
    inner join records
        on
            days.source = records.source
            and days.extraction_run_id = records.extraction_run_id
            and days.window_date = records.window_date
    inner join lines on records.source = lines.source

)

select * from capacity
