-- The verdict: the first thing that was wrong with a line is its reject reason; the others are released, or set apart.
with usage_lines as (

    select * from {{ ref('int_usage_currency') }}

),

tax_apart as (

    select * from {{ source('finops', 'etl_tax_apart') }}

),

valued as (

    select
        -- where it comes from
        usage_lines.domain,
        usage_lines.source,
        usage_lines.period,
        usage_lines.usage_date,
        usage_lines.extraction_run_id,
        usage_lines.window_date,
        usage_lines.record_id,
        usage_lines.record_copy,

        -- who and what
        usage_lines.application_id,
        usage_lines.listed_application_id,
        usage_lines.application_code,
        usage_lines.sub_account_id,
        usage_lines.sub_account_name,
        usage_lines.resource_id,
        usage_lines.resource_name,
        usage_lines.labels,
        usage_lines.product_id,
        usage_lines.family,
        usage_lines.charge_category,
        usage_lines.provider_name,
        usage_lines.invoice_id,

        -- how much
        usage_lines.quantity,
        usage_lines.unit,
        usage_lines.unit_price,
        usage_lines.source_cost,
        usage_lines.source_currency,
        usage_lines.fx_rate,
        usage_lines.total_cost,
        usage_lines.currency,
        usage_lines.billed_cost,
        usage_lines.list_cost,

        -- what it is worth
        case
            when usage_lines.is_estimated then 'MISSING_SNAPSHOT'
            when usage_lines.has_assumed_rate then 'MISSING_FX_RATE'
        end as estimated_reason,
        usage_lines.is_estimated or usage_lines.has_assumed_rate as is_estimated,
        usage_lines.is_duplicate,
        -- whether its quantity is what the source measured, priced or not
        usage_lines.defect is null and usage_lines.quantity is not null and not usage_lines.is_duplicate as is_measured,
        usage_lines.has_no_rate,
        coalesce(
            usage_lines.defect, usage_lines.product_defect, usage_lines.price_defect, usage_lines.rate_defect
        ) as reject_reason,
        case
            when usage_lines.defect is not null then usage_lines.defect_detail
            else coalesce(
                usage_lines.product_defect_detail, usage_lines.price_defect_detail, usage_lines.rate_defect_detail
            )
        end as reject_detail,
        tax_apart.source is not null and usage_lines.charge_category = 'Tax' as is_tax_apart
    from usage_lines
    left join tax_apart on usage_lines.source = tax_apart.source

),

sorted as (

    select
        *,
        case when is_tax_apart and reject_reason is null then 'TAX' end as set_apart_reason
    from valued

)

select * from sorted
