-- Bills: the cost is the bill's own; the quantity is what was consumed, else what was priced, with its unit.
{% set tag_keys = "'" ~ setting('application_tag_keys') | join("', '") | lower ~ "'" -%}
with windows as (

    select * from {{ ref('int_windows') }}

),

charges as (

    select * from {{ ref('stg_focus') }}

),

usage as (

    select
        windows.domain,
        windows.source,
        windows.period,
        coalesce(charges.charge_date, charges.window_date) as usage_date,
        charges.extraction_run_id,
        charges.window_date,
        charges.record_id,
        (
            select finops.trimmed(tags.value)
            from json_each_text(case json_typeof(charges.tags) when 'object' then charges.tags end) as tags
            where
                finops.trimmed(tags.value) is not null
                and lower(trim(tags.key)) in ({{ tag_keys }})
            order by
                array_position(array[{{ tag_keys }}], lower(trim(tags.key))), tags.key
            limit 1
        ) as application_code,
        charges.sub_account_id,
        charges.sub_account_name,
        charges.resource_id,
        charges.resource_name,
        cast('{}' as jsonb) as labels,
        charges.provider_name,
        charges.service_name,
        charges.service_category,
        charges.sku_id,
        charges.charge_category,
        charges.invoice_id,
        coalesce(charges.consumed_quantity, charges.pricing_quantity) as quantity,
        case
            when charges.consumed_quantity is not null then charges.consumed_unit else charges.pricing_unit
        end as unit,
        charges.cost,
        charges.billed_cost,
        charges.list_cost,
        charges.billing_currency,
        case
            when charges.cost is null or charges.charge_date is null or charges.billing_currency is null
                then 'UNPARSABLE'
        end as defect,
        case
            when charges.cost is null
                then
                    '{{ setting("focus_cost_column") }} '
                    || coalesce('''' || finops.shown(charges.cost_text) || '''', 'missing')
            when charges.charge_date is null then 'ChargePeriodStart is missing or unreadable'
            when charges.billing_currency is null then 'BillingCurrency is missing'
        end as defect_detail
    from windows
    inner join charges
        on
            windows.source = charges.source
            and windows.extraction_run_id = charges.extraction_run_id
            and windows.window_date = charges.window_date
            and windows.period
            = cast(date_trunc('month', cast(coalesce(charges.charge_date, charges.window_date) as timestamp)) as date)

)

select * from usage
