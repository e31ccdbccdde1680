select
    id,
    total_cost
from {{ ref('fact_releve') }}
where
    {{ published_by_this_run() }}
    and (
        total_cost <> (select sum(days.cost) from unnest(daily_cost) as days (cost))
        or cardinality(daily_cost) <> cast(period + interval '1 month' as date) - period
    )
