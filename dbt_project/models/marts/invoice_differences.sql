{{ config(materialized='view') }}

with amounts as (

    select * from {{ ref('int_invoice_amounts') }}

),

invoices as (

    select
        source,
        period,
        invoice_id,
        billing_currency,
        min(issue_status) as issue_status,
        coalesce(sum(invoiced_cost) filter (where not is_tax), 0) as invoiced_cost,
        coalesce(sum(billed_cost) filter (where not is_tax), 0) as billed_cost,
        coalesce(sum(invoiced_cost) filter (where is_tax), 0) as invoiced_tax,
        coalesce(sum(billed_cost) filter (where is_tax), 0) as billed_tax,
        count(*) filter (where invoiced_cost is null) as line_count
    from amounts
    group by source, period, invoice_id, billing_currency

),

differences as (

    select
        source,
        period,
        invoice_id,
        issue_status,
        billing_currency,
        invoiced_cost,
        billed_cost,
        invoiced_cost - billed_cost as difference,
        invoiced_tax,
        billed_tax,
        line_count
    from invoices

)

select * from differences
