-- Why a scope is PUBLISHED, BLOCKED or REFUSED. What landed must be released, rejected, set apart or a duplicate,
-- to the last record and the last decimal: else the scope is BLOCKED. A change that is larger than it should be is
-- REFUSED, unless the run accepts changes. A scope that was decided is shown as it was decided.
with reconciliations as (

    select * from {{ source('finops', 'etl_reconciliations') }}

),

runs as (

    select * from {{ source('finops', 'etl_runs') }}

),

day_changes as (

    select distinct on (source, period)
        source,
        period,
        format(
            '%s of %s would go from %s to %s, %s',
            unit, day, trim_scale(quantity_before), trim_scale(quantity_after), suspicion
        ) as description
    from {{ ref('int_scope_day_changes') }}
    order by source, period, day, unit

),

compared as (

    select
        reconciliations.*,
        records_landed - records_released - records_rejected - records_set_apart - records_duplicate
            as records_unaccounted,
        trim_scale(amount_landed - amount_released - amount_rejected - amount_set_apart) as amount_unaccounted,
        lines_released - lines_in_releves as lines_unaccounted,
        case
            when runs.accepts_changes then null
            when day_changes.description is not null then day_changes.description
            when
                reconciliations.period <> all(finops.open_periods(runs.as_of))
                and abs(cost_after - cost_before) > {{ setting('max_closed_change') }} * abs(cost_before)
                then format(
                    'its cost would go from %s to %s, more than max_closed_change allows of a month that is not open',
                    round(cost_before, 2), round(cost_after, 2)
                )
        end as excessive_change
    from reconciliations
    inner join runs on reconciliations.run_id = runs.run_id
    left join day_changes
        on
            reconciliations.status = 'PENDING'
            and reconciliations.source = day_changes.source
            and reconciliations.period = day_changes.period

),

decided as (

    select
        *,
        case
            when status <> 'PENDING' or records_landed is null then status
            when records_unaccounted <> 0 or amount_unaccounted <> 0 or lines_unaccounted <> 0 then 'BLOCKED'
            when excessive_change is not null then 'REFUSED'
            else 'PUBLISHED'
        end as decision
    from compared

),

decisions as (

    select
        run_id,
        source,
        period,
        attempt,
        decision,
        case when status = 'PENDING' and decision = 'REFUSED' then excessive_change else refusal end as refusal,
        records_unaccounted,
        amount_unaccounted,
        lines_unaccounted,
        cost_before,
        cost_after
    from decided

)

select * from decisions
