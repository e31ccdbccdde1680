-- Relevés and aggregates have the same cost: in a build, of the months that it publishes; by hand, of all months.
{%- set relations = [
    ref('fact_releve'), ref('agg_app_family_month'), ref('agg_group_product_month'), ref('mv_cost_app_month'),
    ref('mv_cost_domain_period'), ref('mv_cost_family_period'), ref('mv_cost_group_period'), ref('mv_group_family_month')
] %}
with published as (

    select distinct period from {{ source('finops', 'etl_reconciliations') }}
    where status = 'PUBLISHED' and {{ published_by_this_run() }}

),

costs as (

    {% for relation in relations %}
        select
            period,
            currency,
            sum(total_cost) as total_cost,
            sum(estimated_cost) as estimated_cost
        from {{ relation }}
        where period in (select period from published)
        group by period, currency
        {% if not loop.last %}union all{% endif %}
    {% endfor %}

)

select
    period,
    currency
from costs
group by period, currency
having
    count(*) <> {{ relations | length }}
    or min(total_cost) <> max(total_cost)
    or min(estimated_cost) <> max(estimated_cost)
