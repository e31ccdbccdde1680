with steps as (

    select * from {{ source('finops', 'etl_steps') }}

),

visible as (

    select
        run_id,
        step_id,
        step,
        source,
        status,
        start_time,
        end_time,
        row_count,
        error
    from steps
    where (select finops_api.caller_keys() @> array['*'])

)

select * from visible
