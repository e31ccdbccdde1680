-- Services that a company declares: the declaration says which field of a record is what.
with windows as (

    select * from {{ ref('int_windows') }}

),

records as (

    select * from {{ ref('stg_declared__records') }}

),

lines as (

    select * from {{ source('finops', 'etl_declared_lines') }}

),

metered as (

    select
        windows.domain,
        windows.source,
        windows.period,
        windows.window_end,
        records.extraction_run_id,
        records.window_date,
        records.record_id,
        records.record_hash,
        lines.line_number,
        case
            when lines.date_path is null then records.window_date
            else {{ to_date_utc("(records.payload #>> lines.date_path)") }}
        end as usage_date,
        {{ trimmed("records.payload #>> lines.application_path") }} as application_code,
        records.payload #>> lines.sub_account_path as sub_account_id,
        cast(null as text) as sub_account_name,
        records.payload #>> lines.resource_path as resource_id,
        records.payload #>> lines.resource_name_path as resource_name,
        coalesce(lines.product_id, {{ trimmed("records.payload #>> lines.product_path") }}) as product_ref,
        {{ to_numeric("(records.payload #>> lines.quantity_path)") }} * lines.factor as quantity,
        coalesce(lines.unit, {{ trimmed("records.payload #>> lines.unit_path") }}) as unit,
        records.payload #>> lines.quantity_path as quantity_text
    from windows
    inner join records
        on
            windows.source = records.source
            and windows.extraction_run_id = records.extraction_run_id
            and windows.window_date = records.window_date
    inner join lines on records.source = lines.source
    where windows.measure = 'metered'

)

select * from metered
