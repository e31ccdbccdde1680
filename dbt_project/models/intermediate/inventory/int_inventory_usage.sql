-- Inventory: a day's quantity is the capacity in place ÷ the days of its month, in unit-months. What the share of a day
-- loses by rounding is on the last day of the month, so that a capacity that stays is itself at the month's end.
with capacity as (

    {% for inventory in [
        ref('int_cmdb_vm'),
        ref('int_cmdb_disk'),
        ref('int_cmdb_legacy_storage'),
        ref('int_gitlab_storage'),
        ref('int_artifactory_storage'),
        ref('int_declared_inventory'),
    ] -%}
        {{ 'union all' if not loop.first }}
        select
            domain, source, period, usage_date, is_estimated, extraction_run_id, window_date, record_id, record_hash,
            application_code, sub_account_id, sub_account_name, resource_id, resource_name, labels,
            product_ref, capacity, unit, capacity_text, capacity_remedy, max_capacity,
            {% if loop.last -%}
                line_number, has_own_cost, cost, cost_currency, cost_text
            {%- else -%}
                cast(1 as bigint) as line_number, false as has_own_cost, cast(null as numeric) as cost,
                cast(null as text) as cost_currency, cast(null as text) as cost_text
            {%- endif %}
        from {{ inventory }}
    {% endfor %}

),

copies as (

    select
        *,
        -- a declaration may have two lines of one product
        row_number() over (partition by source, period, usage_date, record_id, product_ref, line_number, record_hash)
            as equal_copy,
        min(record_hash) over (partition by source, period, usage_date, record_id)
        <> max(record_hash) over (partition by source, period, usage_date, record_id) as has_conflict
    from capacity

),

numbered as (

    select
        *,
        -- of the record, not of the line: two contents of one record may be of two products
        dense_rank() over (partition by source, period, usage_date, record_id order by record_hash, equal_copy)
            as record_copy
    from copies

),

usage as (

    select
        domain,
        source,
        period,
        usage_date,
        is_estimated,
        extraction_run_id,
        window_date,
        record_id,
        record_copy,
        record_copy > 1 and not has_conflict as is_duplicate,
        application_code,
        sub_account_id,
        sub_account_name,
        resource_id,
        resource_name,
        labels,
        product_ref,
        finops.day_share(
            capacity, usage_date - period + 1, cast(period + interval '1 month' as date) - period
        ) as quantity,
        unit,
        has_own_cost,
        finops.day_share(
            cost, usage_date - period + 1, cast(period + interval '1 month' as date) - period
        ) as charge_cost,
        cost_currency as charge_currency,
        case
            when has_conflict then 'CONFLICTING_RECORD'
            when capacity is null then 'UNPARSABLE'
            when capacity < 0 or capacity > max_capacity or greatest(capacity, abs(cost)) >= 1e15 then 'IMPLAUSIBLE'
            when has_own_cost and (cost is null or cost_currency is null) then 'UNPARSABLE'
        end as defect,
        case
            when has_conflict then 'the same record id came with different contents'
            when capacity is null
                then
                    'capacity '
                    || concat_ws(' ', coalesce('''' || finops.shown(capacity_text) || '''', 'missing'), capacity_remedy)
            when capacity < 0 then 'capacity ''' || finops.shown(capacity_text) || ''' is negative: correct the record'
            when capacity > max_capacity
                then
                    'capacity ''' || finops.shown(capacity_text) || ''' is more than ' || trim_scale(max_capacity)
                    || ' GiB: check its unit, or raise max_vm_ram_gib, max_ram_gib_per_vcpu or max_storage_gib'
            when capacity >= 1e15
                then 'capacity ''' || finops.shown(capacity_text) || ''' is 10^15 or more: correct the record'
            when abs(cost) >= 1e15
                then 'cost ''' || finops.shown(cost_text) || ''' is 10^15 or more: correct the record'
            when has_own_cost and cost is null
                then 'cost ' || coalesce('''' || finops.shown(cost_text) || '''', 'missing')
            when has_own_cost and cost_currency is null then 'its currency is missing'
        end as defect_detail
    from numbered

)

select * from usage
