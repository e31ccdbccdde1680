-- What the sources said they sent, counted before it was landed: the left-hand side of the reconciliation.
with windows as (

    select * from {{ ref('int_windows') }}

),

inventory_days as (

    select * from {{ ref('int_inventory_days') }}

),

stated as (

    select
        source,
        period,
        measure,
        -- a meter's record counts once for each day of its window, over which it is spread (int_gitlab_ci_minutes)
        case when measure = 'metered' then window_end - window_date else 1 end as day_count,
        control_totals -> to_char(period, 'YYYY-MM') as totals
    from windows

),

landed as (

    select
        source,
        period,
        coalesce(cast(totals ->> 'records' as numeric), 0) * day_count as records,
        {% set cost_column = setting('focus_cost_column') | replace('_', ' ') | title | replace(' ', '') -%}
        case
            when measure = 'billed' then coalesce(cast(totals ->> '{{ cost_column }}' as numeric), 0)
        end as billed_amount
    from stated

    union all

    -- an inventory record counts once for each day that its snapshot stands for
    select
        source,
        period,
        cast(record_count as numeric) as records,
        cast(null as numeric) as billed_amount
    from inventory_days

),

summed as (

    select
        source,
        period,
        sum(records) as records,
        sum(billed_amount) as billed_amount
    from landed
    group by source, period

)

select * from summed
