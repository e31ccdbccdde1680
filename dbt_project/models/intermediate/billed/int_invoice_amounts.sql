-- What is invoiced for a month, and beside it what its bill says, of the months whose invoices the provider delivers.
with invoice_details as (

    select * from {{ source('finops', 'etl_invoice_details') }}

),

accepted as (

    select * from {{ source('finops', 'etl_accepted') }}

),

charges as (

    select * from {{ ref('stg_focus') }}

),

invoiced as (

    select
        source,
        period,
        invoice_id,
        billing_currency,
        coalesce(lower(charge_category) = 'tax', false) as is_tax,
        issue_status,
        -- a voided invoice asks for nothing
        case when lower(issue_status) = 'voided' then 0 else billed_cost end as invoiced_cost,
        cast(null as numeric) as billed_cost
    from invoice_details

),

billed as (

    select
        accepted.source,
        accepted.window_date as period,
        charges.invoice_id,
        charges.billing_currency,
        charges.charge_category = 'Tax' as is_tax,
        cast(null as text) as issue_status,
        cast(null as numeric) as invoiced_cost,
        charges.billed_cost
    from accepted
    inner join charges
        on
            accepted.source = charges.source
            and cast(accepted.run_id as text) = charges.extraction_run_id
            and accepted.window_date = charges.window_date
    where
        accepted.measure = 'billed'
        and exists (
            select
            from invoice_details
            where invoice_details.source = accepted.source and invoice_details.period = accepted.window_date
        )

),

amounts as (

    select
        source,
        period,
        invoice_id,
        billing_currency,
        is_tax,
        issue_status,
        invoiced_cost,
        billed_cost
    from invoiced

    union all

    select
        source,
        period,
        invoice_id,
        billing_currency,
        is_tax,
        issue_status,
        invoiced_cost,
        billed_cost
    from billed

)

select * from amounts
