-- What no application claims is among the gaps once, whatever is folded: in a build, of the months that it publishes;
-- by hand, of all months.
with published as (

    select distinct period from {{ source('finops', 'etl_reconciliations') }}
    where status = 'PUBLISHED' and {{ published_by_this_run() }}

),

costs as (

    select
        period,
        source,
        currency,
        sum(total_cost) as total_cost
    from {{ ref('fact_releve') }}
    where application_id = 'UNALLOCATED' and period in (select period from published)
    group by period, source, currency

),

gaps as (

    select
        period,
        source,
        currency,
        sum(amount) as total_cost
    from {{ ref('agg_gap_month') }}
    where reason = 'UNALLOCATED' and period in (select period from published)
    group by period, source, currency

)

select
    coalesce(costs.period, gaps.period) as period,
    coalesce(costs.source, gaps.source) as source,
    costs.total_cost,
    gaps.total_cost as listed_cost
from costs
full outer join gaps
    on costs.period = gaps.period and costs.source = gaps.source and costs.currency = gaps.currency
where costs.total_cost is distinct from gaps.total_cost
