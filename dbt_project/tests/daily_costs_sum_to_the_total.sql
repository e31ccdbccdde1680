select
    id,
    total_cost
from {{ ref('fact_releve') }}
where
    run_id = '{{ current_run_id() }}'
    and (
        total_cost <> (select sum(days.cost) from unnest(daily_cost) as days (cost))
        or cardinality(daily_cost) <> cast(period + interval '1 month' as date) - period
    )
