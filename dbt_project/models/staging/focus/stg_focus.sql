select
    -- where it comes from
    source.source,
    source.run_id as extraction_run_id,
    source.window_date,
    source.record_id,

    -- who
    source.tags,
    source.sub_account_id,
    source.sub_account_name,
    source.resource_id,
    source.resource_name,

    -- what
    source.provider_name,
    source.service_name,
    source.service_category,
    source.sku_id,
    -- FOCUS's own spelling of its five; another word stays as it is, and none at all is usage
    coalesce(
        case
            when lower(finops.trimmed(source.charge_category)) in ('usage', 'purchase', 'tax', 'credit', 'adjustment')
                then initcap(finops.trimmed(source.charge_category))
        end,
        finops.trimmed(source.charge_category),
        'Usage'
    ) as charge_category,
    finops.trimmed(source.other_columns ->> 'InvoiceId') as invoice_id,

    -- when: a charge belongs to the UTC day on which its charge period starts
    cast(source.charge_period_start at time zone 'UTC' as date) as charge_date,

    -- how much: a number that its typed column could not hold exactly is kept as text beside it
    coalesce(
        source.consumed_quantity, finops.to_numeric(source.other_columns ->> 'ConsumedQuantity')
    ) as consumed_quantity,
    source.consumed_unit,
    coalesce(
        source.pricing_quantity, finops.to_numeric(source.other_columns ->> 'PricingQuantity')
    ) as pricing_quantity,
    source.pricing_unit,
    {% set cost_column = setting('focus_cost_column') | replace('_', ' ') | title | replace(' ', '') -%}
    coalesce(
        source.{{ setting('focus_cost_column') }}, finops.to_numeric(source.other_columns ->> '{{ cost_column }}')
    ) as cost,
    source.other_columns ->> '{{ cost_column }}' as cost_text,
    coalesce(source.billed_cost, finops.to_numeric(source.other_columns ->> 'BilledCost')) as billed_cost,
    coalesce(source.list_cost, finops.to_numeric(source.other_columns ->> 'ListCost')) as list_cost,
    source.billing_currency
from {{ source('raw_public_cloud', 'focus') }} as source
