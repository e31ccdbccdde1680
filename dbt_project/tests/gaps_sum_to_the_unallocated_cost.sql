-- What no application claims is listed once, whatever is folded: in a build, of the months that it publishes;
-- by hand, of all months.
with published as (

    select distinct period from {{ source('finops', 'etl_reconciliations') }}
    where status = 'PUBLISHED' and {{ published_by_this_run() }}

),

costs as (

    select
        'releves' as relation,
        period,
        source,
        currency,
        total_cost
    from {{ ref('fact_releve') }}
    where application_id = 'UNALLOCATED' and period in (select period from published)
    {% for relation in [ref('coverage_gaps'), ref('agg_gap_month')] %}
        union all
        select '{{ relation.identifier }}', period, source, currency, amount
        from {{ relation }}
        where reason = 'UNALLOCATED' and period in (select period from published)
    {% endfor %}

),

sums as (

    select
        relation,
        period,
        source,
        currency,
        sum(total_cost) as total_cost
    from costs
    group by relation, period, source, currency

)

select
    period,
    source,
    currency
from sums
group by period, source, currency
having count(*) <> 3 or min(total_cost) <> max(total_cost)
