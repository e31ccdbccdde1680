{{ config(
    materialized='incremental',
    incremental_strategy='replace_scope',
    full_refresh=false,
    pre_hook="{{ stage_usage_lines() }}",
    indexes=[{'columns': ['id'], 'unique': true}, {'columns': ['period', 'source']}, {'columns': ['application_id']}]
) }}

-- depends_on: {{ ref('int_usage_valued') }}
-- depends_on: {{ ref('int_records_landed') }}
with valued as (

    {% if is_incremental() -%}
    -- int_usage_valued, of the scopes of this run, already worked out: see macros/publish.sql
        select * from scoped_usage
    {%- else -%}
        select * from {{ ref('int_usage_valued') }}
    {%- endif %}

),

released as (

    select
        *,
        {{ releve_id() }} as releve_id
    from valued
    where reject_reason is null and not is_duplicate

),

daily as (

    select
        releve_id,
        usage_date,
        min(period) as period,
        min(source) as source,
        min(domain) as domain,
        min(application_id) as application_id,
        min(product_id) as product_id,
        min(family) as family,
        min(unit) as unit,
        min(source_currency) as source_currency,
        min(currency) as currency,
        sum(quantity) as usage_quantity,
        sum(source_cost) as source_cost,
        sum(total_cost) as total_cost,
        bool_or(is_estimated) as is_estimated,
        count(*) as line_count
    from released
    group by releve_id, usage_date

),

monthly as (

    select
        releve_id,
        min(period) as period,
        min(source) as source,
        min(domain) as domain,
        min(application_id) as application_id,
        min(product_id) as product_id,
        min(family) as family,
        min(unit) as unit,
        min(source_currency) as source_currency,
        min(currency) as currency,
        sum(usage_quantity) as usage_quantity,
        sum(source_cost) as source_cost,
        sum(total_cost) as total_cost,
        bool_or(is_estimated) as is_estimated,
        sum(line_count) as line_count,
        array_agg(usage_date - period + 1) as day_numbers,
        array_agg(total_cost) as day_costs
    from daily
    group by releve_id

),

releves as (

    select
        monthly.releve_id as id,
        cast('{{ current_run_id() }}' as uuid) as run_id,
        monthly.application_id,
        monthly.product_id,
        monthly.family,
        monthly.domain,
        monthly.period,
        monthly.usage_quantity,
        monthly.unit as usage_unit,
        round(monthly.total_cost / nullif(monthly.usage_quantity, 0), 12) as unit_cost,
        monthly.total_cost,
        monthly.currency,
        monthly.source_cost,
        monthly.source_currency,
        monthly.source,
        monthly.is_estimated,
        cast(monthly.line_count as bigint) as line_count,
        calendar.daily_cost,
        now() as created_at
    from monthly
    cross join lateral (
        select array_agg(coalesce(costs.day_cost, 0) order by days.day_number) as daily_cost
        from
            generate_series(
                1, cast(monthly.period + interval '1 month' as date) - monthly.period
            ) as days (day_number)
        left join unnest(monthly.day_numbers, monthly.day_costs) as costs (day_number, day_cost)
            on days.day_number = costs.day_number
    ) as calendar

)

select * from releves
