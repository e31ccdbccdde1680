with usage_lines as (

    select * from {{ ref('int_usage_lines') }}

),

applications as (

    select * from {{ ref('int_applications') }}

),

aliases as (

    select * from {{ ref('application_aliases') }}

),

application_rules as (

    select * from {{ ref('application_rules') }}

),

products as (

    select * from {{ ref('products') }}

),

product_mappings as (

    select * from {{ ref('product_mappings') }}

),

prices as (

    select * from {{ ref('prices') }}

),

fx_rates as (

    select * from {{ ref('int_fx_rates') }}

),

tax_apart as (

    select * from {{ source('finops', 'etl_tax_apart') }}

),

allocated as (

    select
        usage_lines.*,
        coalesce(by_code.application_id, by_alias.application_id, by_rule.application_id, 'UNALLOCATED')
            as application_id
    from usage_lines
    left join applications as by_code on upper(usage_lines.application_code) = upper(by_code.application_id)
    left join aliases as by_alias on upper(usage_lines.application_code) = upper(by_alias.alias)
    left join lateral (
        select rules.application_id
        from application_rules as rules
        cross join
            lateral (
                select
                    case rules.field
                        when 'sub_account_id' then usage_lines.sub_account_id
                        when 'sub_account_name' then usage_lines.sub_account_name
                        when 'resource_id' then usage_lines.resource_id
                        when 'resource_name' then usage_lines.resource_name
                    end as text,
                    -- GitLab's lists, with a comma around each
                    case
                        when not starts_with(usage_lines.source, 'gitlab.') then null
                        when rules.field = 'topic' then ',' || usage_lines.resource_name || ','
                        when rules.field = 'custom_attribute' then ',' || usage_lines.sub_account_name || ','
                    end as labels
            ) as subject
        where
            by_code.application_id is null
            and by_alias.application_id is null
            -- a rule of `gitlab` is for gitlab.storage and for gitlab.ci_minutes
            and (
                rules.source is null
                or rules.source = usage_lines.source
                or starts_with(usage_lines.source, rules.source || '.')
            )
            and usage_lines.usage_date >= rules.valid_from
            and (rules.valid_to is null or usage_lines.usage_date < rules.valid_to)
            and case rules.match_type
                when 'exact'
                    then coalesce(subject.text = rules.pattern, strpos(subject.labels, ',' || rules.pattern || ',') > 0)
                when 'prefix'
                    then coalesce(
                        starts_with(subject.text, rules.pattern), strpos(subject.labels, ',' || rules.pattern) > 0
                    )
                when 'regex' then coalesce(subject.text, trim(both ',' from subject.labels)) ~ rules.pattern
            end
        order by rules.priority, rules.rule_id
        limit 1
    ) as by_rule on true

),

catalogued as (

    select
        allocated.*,
        coalesce(allocated.product_ref, by_sku.product_id, by_service.product_id) as catalogue_ref,
        -- a bill is never rejected for want of a mapping: its provider and service make a product; a tax, or another
        -- charge without a service, is one of its own
        {{ name_slug("coalesce(allocated.provider_name, 'unknown')") }} || '.'
        || {{ name_slug(
            "coalesce(allocated.service_name, lower(nullif(allocated.charge_category, 'Usage')), 'unknown')"
        ) }} as billed_product_id
    from allocated
    left join product_mappings as by_sku
        on allocated.provider_name = by_sku.provider_name and allocated.sku_id = by_sku.sku_id
    left join product_mappings as by_service
        on
            allocated.provider_name = by_service.provider_name
            and allocated.service_name = by_service.service_name
            and by_service.sku_id is null

),

priced as (

    select
        catalogued.*,
        products.product_id as catalogue_id,
        products.family as catalogue_family,
        products.unit as catalogue_unit,
        prices.unit_price,
        case when catalogued.is_billed then catalogued.billing_currency else prices.currency end as source_currency,
        case
            when catalogued.is_billed then catalogued.charge_cost
            when
                coalesce(catalogued.unit, '') = coalesce(products.unit, '')
                then catalogued.quantity * prices.unit_price
        end as source_cost
    from catalogued
    left join products on catalogued.catalogue_ref = products.product_id
    left join prices
        on
            not catalogued.is_billed
            and products.product_id = prices.product_id
            and catalogued.usage_date >= prices.valid_from
            and (prices.valid_to is null or catalogued.usage_date < prices.valid_to)

),

converted as (

    select
        priced.*,
        case
            when priced.source_currency = '{{ var("reporting_currency") }}' then cast(1 as numeric) else fx_rates.rate
        end as fx_rate,
        coalesce(fx_rates.is_assumed, false) as has_assumed_rate,
        tax_apart.source is not null and priced.charge_category = 'Tax' as is_tax_apart
    from priced
    left join fx_rates
        on
            priced.period = fx_rates.period
            and priced.source_currency = fx_rates.from_currency
            and priced.source_currency <> '{{ var("reporting_currency") }}'
    left join tax_apart on priced.source = tax_apart.source

),

valued as (

    select
        -- where it comes from
        domain,
        source,
        period,
        usage_date,
        extraction_run_id,
        window_date,
        record_id,
        record_copy,

        -- who and what
        application_id,
        application_code,
        sub_account_id,
        sub_account_name,
        resource_id,
        resource_name,
        case when is_billed then coalesce(catalogue_id, billed_product_id) else product_ref end as product_id,
        case
            when catalogue_id is not null then catalogue_family
            when is_billed then coalesce(service_category, nullif(charge_category, 'Usage'), 'Other')
        end as family,
        charge_category,
        provider_name,
        invoice_id,

        -- how much
        quantity,
        unit,
        unit_price,
        source_cost,
        source_currency,
        fx_rate,
        source_cost * fx_rate as total_cost,
        '{{ var("reporting_currency") }}' as currency,
        billed_cost,
        list_cost,

        -- what it is worth
        case
            when is_estimated then 'MISSING_SNAPSHOT' when has_assumed_rate then 'MISSING_FX_RATE'
        end as estimated_reason,
        is_estimated or has_assumed_rate as is_estimated,
        is_duplicate,
        has_assumed_rate or (source_currency is not null and fx_rate is null) as has_no_rate,
        is_tax_apart,
        case
            when defect is not null then defect
            when not is_billed and catalogue_id is null then 'NO_PRODUCT'
            when not is_billed and coalesce(unit, '') <> coalesce(catalogue_unit, '') then 'UNIT_MISMATCH'
            when not is_billed and unit_price is null then 'NO_PRICE'
            when fx_rate is null then 'NO_FX_RATE'
        end as reject_reason,
        case
            when defect is not null then defect_detail
            when not is_billed and catalogue_id is null
                then 'add ' || coalesce(product_ref, 'this product') || ' to products.csv'
            when not is_billed and coalesce(unit, '') <> coalesce(catalogue_unit, '')
                then
                    'usage in ' || coalesce(unit, 'no unit') || ', catalogue in ' || coalesce(catalogue_unit, 'no unit')
            when not is_billed and unit_price is null
                then 'add a price of ' || product_ref || ' valid on ' || usage_date || ' to prices.csv'
            when fx_rate is null
                then
                    'add the rate of ' || source_currency || ' for ' || to_char(period, 'YYYY-MM') || ' to fx_rates.csv'
        end as reject_detail
    from converted

),

sorted as (

    select
        *,
        case when is_tax_apart and reject_reason is null then 'TAX' end as set_apart_reason
    from valued

)

select * from sorted
