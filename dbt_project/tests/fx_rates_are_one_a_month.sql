select
    period,
    from_currency,
    to_currency
from {{ ref('fx_rates') }}
group by period, from_currency, to_currency
having count(*) > 1 or min(rate) <= 0 or extract(day from period) <> 1
