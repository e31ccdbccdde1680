with accepted as (

    select * from {{ source('finops', 'etl_accepted') }}

),

reconciliations as (

    select * from {{ source('finops', 'etl_reconciliations') }}

),

group_costs as (

    select * from {{ ref('mv_cost_group_month') }}

),

published as (

    select
        source,
        period,
        max(decided_at) as published_at
    from reconciliations
    where status = 'PUBLISHED'
    group by source, period

),

windows as (

    -- of the month that the window begins in: a bill also corrects earlier ones, and is not complete for that
    select
        accepted.source,
        accepted.measure,
        accepted.window_date,
        accepted.window_end,
        accepted.ended_at,
        published.period
    from accepted
    inner join published
        on
            accepted.source = published.source
            and cast(date_trunc('month', cast(accepted.window_date as timestamp)) as date) = published.period
            and accepted.ended_at <= published.published_at

),

scopes as (

    select
        source,
        period,
        max(window_end) - 1 as last_date,
        -- a bill goes on changing for some days after its month
        bool_or(measure = 'billed' and cast(ended_at at time zone 'UTC' as date) < window_end + 3) as is_open_bill,
        -- a meter that is read once for many days: what each of them cost is not known
        bool_or(measure = 'metered' and window_end - window_date > 1) as is_spread
    from windows
    group by source, period

),

billed_days as (

    select
        group_costs.source,
        group_costs.period,
        {{ summed_days() }} as daily_cost
    from group_costs
    inner join scopes on group_costs.source = scopes.source and group_costs.period = scopes.period
    where scopes.is_open_bill
    group by group_costs.source, group_costs.period

),

billed_until as (

    select
        billed_days.source,
        billed_days.period,
        billed_days.period + cast(max(days.day_number) as integer) - 1 as last_date
    from billed_days
    cross join lateral unnest(billed_days.daily_cost) with ordinality as days (day_cost, day_number)
    where days.day_cost <> 0
    group by billed_days.source, billed_days.period

),

completed as (

    select
        scopes.source,
        scopes.period,
        scopes.is_spread,
        case
            when scopes.is_open_bill then coalesce(billed_until.last_date, scopes.period - 1) else scopes.last_date
        end as complete_date
    from scopes
    left join billed_until on scopes.source = billed_until.source and scopes.period = billed_until.period

)

select * from completed
