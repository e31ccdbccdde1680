-- Blocking: a scope that does not add up, or would change a month that is not open by too much, kept its previous
-- relevés, and the run that tried is FAILED. What stands adds up, whichever run published it.
-- depends_on: {{ ref('fact_releve') }}
select
    source,
    period,
    decision,
    refusal,
    records_unaccounted,
    amount_unaccounted,
    lines_unaccounted
from {{ ref('int_scope_decisions') }}
where
    run_id = '{{ current_run_id() }}' and decision in ('BLOCKED', 'REFUSED')
    or (records_unaccounted <> 0 or amount_unaccounted <> 0 or lines_unaccounted <> 0)
    and (run_id, source, period) in (
        select
            published.run_id,
            published.source,
            published.period
        from finops.etl_published as published
    )
