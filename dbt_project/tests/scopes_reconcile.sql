-- Blocking: a scope that does not add up, or would change a month that is not open by too much, kept its previous
-- relevés, and the run that tried is FAILED.
-- depends_on: {{ ref('fact_releve') }}
select
    source,
    period,
    records_landed,
    records_released + records_rejected + records_duplicate as records_accounted,
    amount_landed,
    amount_released + amount_rejected as amount_accounted
from {{ source('finops', 'etl_reconciliations') }}
where run_id = '{{ current_run_id() }}' and status in ('BLOCKED', 'REFUSED')
