{{ config(
    materialized='incremental',
    incremental_strategy='replace_scope',
    full_refresh=false,
    pre_hook="{{ stage_usage_lines() }}",
    post_hook="{{ refresh_aggregates() }}",
    indexes=[{'columns': ['id'], 'unique': true}, {'columns': ['period', 'source']}, {'columns': ['application_id', 'period']}]
) }}

{#- What macros/publish.sql reads. -#}
{%- if not execute -%}
    {%- do ref('int_usage_valued') -%}
    {%- do ref('int_records_landed') -%}
    {%- do ref('int_scopes') -%}
    {%- do ref('int_landed_scopes') -%}
    {%- do ref('int_scope_references') -%}
    {%- do ref('int_scope_decisions') -%}
{%- endif -%}
with valued as (

    {% if is_incremental() -%}
    -- int_usage_valued, of the scopes of this run, already worked out: see macros/stage.sql
        select * from scoped_usage
    {%- else -%}
        select * from {{ ref('int_usage_valued') }}
    {%- endif %}

),

released as (

    select * from valued
    where reject_reason is null and set_apart_reason is null and not is_duplicate

),

summed as (

    select
        period,
        source,
        application_id,
        product_id,
        family,
        charge_category,
        unit,
        source_currency,
        min(domain) as domain,
        min(currency) as currency,
        sum(quantity) as usage_quantity,
        sum(source_cost) as source_cost,
        sum(total_cost) as total_cost,
        sum(billed_cost) as billed_cost,
        sum(list_cost) as list_cost,
        coalesce(sum(total_cost) filter (where is_estimated), 0) as estimated_cost,
        bool_or(is_estimated) as is_estimated,
        coalesce(
            array_agg(distinct estimated_reason order by estimated_reason)
            filter (where estimated_reason is not null),
            '{}'
        ) as estimated_reasons,
        count(*) as line_count,
        array[
            {% for day in range(31) -%}
                coalesce(sum(total_cost) filter (where usage_date = period + {{ day }}), 0){{ ',' if not loop.last }}
            {% endfor -%}
        ] as daily_cost
    from released
    group by period, source, application_id, product_id, family, charge_category, unit, source_currency

),

releves as (

    select
        finops.releve_id(
            period, source, application_id, product_id, family, charge_category, unit, source_currency
        ) as id,
        cast('{{ current_run_id() }}' as uuid) as run_id,
        application_id,
        product_id,
        family,
        domain,
        charge_category,
        period,
        usage_quantity,
        unit as usage_unit,
        finops.quotient(total_cost, usage_quantity) as unit_cost,
        total_cost,
        currency,
        source_cost,
        source_currency,
        billed_cost,
        list_cost,
        source,
        is_estimated,
        estimated_cost,
        estimated_reasons,
        line_count,
        daily_cost[1:cast(period + interval '1 month' as date) - period] as daily_cost,
        now() as created_at
    from summed

)

select * from releves
