{{ config(materialized='view') }}

with valued as (

    select * from {{ ref('int_usage_valued') }}

),

released as (

    select
        finops.releve_id(
            period, source, application_id, product_id, family, charge_category, unit, source_currency
        ) as releve_id,
        period,
        source,
        application_id,
        product_id,
        usage_date,
        extraction_run_id,
        window_date,
        record_id,
        application_code,
        sub_account_id,
        sub_account_name,
        resource_id,
        resource_name,
        labels,
        charge_category,
        invoice_id,
        quantity,
        unit,
        unit_price,
        source_cost,
        source_currency,
        fx_rate,
        total_cost,
        currency,
        billed_cost,
        list_cost,
        is_estimated,
        estimated_reason
    from valued
    where reject_reason is null and set_apart_reason is null and not is_duplicate

)

select * from released
