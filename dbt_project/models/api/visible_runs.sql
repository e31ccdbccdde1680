-- A run is about every group: who may not see them all sees none.
with runs as (

    select * from {{ source('finops', 'etl_runs') }}

),

visible as (

    select
        run_id,
        kind,
        status,
        start_time,
        end_time,
        volume_processed,
        periods,
        reason,
        error,
        started_by,
        waiting_scopes,
        changes
    from runs
    where (select finops_api.caller_keys() @> array['*'])

)

select * from visible
