-- Every source ends here, in one shape.
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

)

select * from usage_lines
