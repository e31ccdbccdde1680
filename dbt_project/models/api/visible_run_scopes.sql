with scopes as (

    select * from {{ source('finops', 'etl_reconciliations') }}

),

visible as (

    select
        run_id,
        source,
        period,
        attempt,
        status,
        refusal,
        records_landed,
        records_released,
        records_rejected,
        records_set_apart,
        records_duplicate,
        cost_before,
        cost_after
    from scopes
    where (select finops_api.caller_keys() @> array['*'])

)

select * from visible
