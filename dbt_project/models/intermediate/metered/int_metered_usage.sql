-- Meters: a period's quantity is the sum of the meter, by the UTC day of its timestamp.
with metered as (

    {% for meter in [
        ref('int_openstack_usage'),
        ref('int_cloudkitty_usage'),
        ref('int_kubernetes_allocation'),
        ref('int_cube_usage'),
        ref('int_gitlab_ci_minutes'),
        ref('int_declared_metered'),
    ] -%}
        {{ 'union all' if not loop.first }}
        select
            domain, source, period, usage_date, window_end, extraction_run_id, window_date, record_id, record_hash,
            line_number, application_code, sub_account_id, sub_account_name, resource_id, resource_name, labels,
            product_ref, quantity, unit, quantity_text,
            {% if loop.last -%}
                has_own_cost, cost, cost_currency, cost_text
            {%- else -%}
                false as has_own_cost, cast(null as numeric) as cost, cast(null as text) as cost_currency,
                cast(null as text) as cost_text
            {%- endif %}
        from {{ meter }}
    {% endfor %}

),

numbered as (

    select
        *,
        row_number() over (
            partition by source, period, window_date, record_id, product_ref, line_number order by record_hash
        ) as record_copy,
        min(record_hash) over (partition by source, period, window_date, record_id)
        <> max(record_hash) over (partition by source, period, window_date, record_id) as has_conflict
    from metered

),

usage as (

    select
        domain,
        source,
        period,
        -- a reading from outside its window is rejected below, on a day of the window
        case
            when usage_date >= window_date and usage_date < window_end then usage_date else window_date
        end as usage_date,
        extraction_run_id,
        window_date,
        record_id,
        record_copy,
        record_copy > 1 and not has_conflict as is_duplicate,
        false as is_estimated,
        application_code,
        sub_account_id,
        sub_account_name,
        resource_id,
        resource_name,
        labels,
        product_ref,
        quantity,
        unit,
        has_own_cost,
        cost as charge_cost,
        cost_currency as charge_currency,
        case
            when has_conflict then 'CONFLICTING_RECORD'
            when quantity is null or usage_date is null then 'UNPARSABLE'
            -- a credit has a cost of its own
            when quantity < 0 and not has_own_cost then 'IMPLAUSIBLE'
            when greatest(abs(quantity), abs(cost)) >= 1e15 then 'IMPLAUSIBLE'
            when has_own_cost and (cost is null or cost_currency is null) then 'UNPARSABLE'
            when usage_date < window_date or usage_date >= window_end then 'OUT_OF_WINDOW'
        end as defect,
        case
            when has_conflict then 'the same record id came with different contents'
            when quantity is null then 'quantity ' || coalesce('''' || finops.shown(quantity_text) || '''', 'missing')
            when usage_date is null then 'its timestamp is missing or unreadable'
            when quantity < 0 and not has_own_cost
                then 'quantity ''' || finops.shown(quantity_text) || ''' is negative: correct the record'
            when abs(quantity) >= 1e15
                then 'quantity ''' || finops.shown(quantity_text) || ''' is 10^15 or more: correct the record'
            when abs(cost) >= 1e15
                then 'cost ''' || finops.shown(cost_text) || ''' is 10^15 or more: correct the record'
            when has_own_cost and cost is null
                then 'cost ' || coalesce('''' || finops.shown(cost_text) || '''', 'missing')
            when has_own_cost and cost_currency is null then 'its currency is missing'
            when usage_date < window_date or usage_date >= window_end then 'its timestamp says ' || usage_date
        end as defect_detail
    from numbered

)

select * from usage
