-- Every source ends here, in one shape. A text that is too long for the mart is cut, and its line is rejected; a code
-- that is too long is a code that nobody knows. What is short, as nearly all is, costs a look at its length.
{% set texts = [
    'product_ref', 'provider_name', 'service_name', 'service_category', 'charge_category', 'unit', 'billing_currency'
] -%}
with usage_lines as (

    {% for usage in [ref('int_inventory_usage'), ref('int_metered_usage')] -%}
        select
            domain,
            source,
            period,
            usage_date,
            extraction_run_id,
            window_date,
            record_id,
            record_copy,
            is_duplicate,
            is_estimated,
            application_code,
            sub_account_id,
            sub_account_name,
            resource_id,
            resource_name,
            labels,
            product_ref,
            cast(null as text) as provider_name,
            cast(null as text) as service_name,
            cast(null as text) as service_category,
            cast(null as text) as sku_id,
            'Usage' as charge_category,
            cast(null as text) as invoice_id,
            quantity,
            unit,
            false as is_billed,
            has_own_cost,
            charge_cost,
            cast(null as numeric) as billed_cost,
            cast(null as numeric) as list_cost,
            charge_currency as billing_currency,
            defect,
            defect_detail
        from {{ usage }}

        union all

    {% endfor -%}
    -- two lines of a bill may be equal to the letter and both be due: a file and a line number have no duplicate
    select
        domain,
        source,
        period,
        usage_date,
        extraction_run_id,
        window_date,
        record_id,
        cast(1 as bigint) as record_copy,
        false as is_duplicate,
        false as is_estimated,
        application_code,
        sub_account_id,
        sub_account_name,
        resource_id,
        resource_name,
        labels,
        cast(null as text) as product_ref,
        provider_name,
        service_name,
        service_category,
        sku_id,
        charge_category,
        invoice_id,
        quantity,
        unit,
        true as is_billed,
        true as has_own_cost,
        cost as charge_cost,
        billed_cost,
        list_cost,
        billing_currency,
        defect,
        defect_detail
    from {{ ref('int_billed_usage') }}

),

measured as (

    select
        *,
        greatest(
            {% for text in texts -%}
                octet_length({{ text }}){{ ',' if not loop.last }}
            {% endfor -%}
        ) as longest_text
    from usage_lines

),

judged as (

    select
        *,
        case
            when longest_text > 255
                then finops.too_long_detail(jsonb_build_object(
                    {% for text in texts -%}
                        '{{ text }}', {{ text }}{{ ',' if not loop.last }}
                    {% endfor -%}
                ))
        end as too_long_detail
    from measured

),

bounded as (

    select
        domain,
        source,
        period,
        usage_date,
        extraction_run_id,
        window_date,
        record_id,
        record_copy,
        is_duplicate,
        is_estimated,
        sub_account_id,
        sub_account_name,
        resource_id,
        resource_name,
        labels,
        sku_id,
        invoice_id,
        quantity,
        is_billed,
        has_own_cost,
        charge_cost,
        billed_cost,
        list_cost,
        {% for text in ['application_code'] + texts -%}
            case when octet_length({{ text }}) > 255 then finops.bounded({{ text }}) else {{ text }} end as {{ text }},
        {% endfor -%}
        coalesce(defect, case when too_long_detail is not null then 'TEXT_TOO_LONG' end) as defect,
        case when defect is null then too_long_detail else defect_detail end as defect_detail
    from judged

)

select * from bounded
