with steps as (

    select * from {{ source('finops', 'etl_steps') }}

),

runs as (

    select * from {{ source('finops', 'etl_runs') }}

),

months as (

    select * from {{ ref('mv_cost_domain_period') }}

),

refreshed as (

    -- written in the very transaction that refreshes the aggregates: it changes when they do
    select
        max(step_id) as version,
        max(end_time) as refreshed_at
    from steps
    where step = 'refresh' and status = 'SUCCESS'

),

succeeded as (

    -- of those that publish: a run that only extracts changes nothing here
    select max(runs.end_time) as as_of
    from runs
    inner join steps on runs.run_id = steps.run_id
    where runs.status = 'SUCCESS' and steps.step = 'refresh' and steps.status = 'SUCCESS'

),

published as (

    select
        min(period) as first_period,
        max(period) as last_period
    from months

),

versions as (

    select
        refreshed.version,
        refreshed.refreshed_at,
        succeeded.as_of,
        published.first_period,
        published.last_period,
        nullif('{{ setting("reporting_currency") }}', '') as reporting_currency
    from refreshed
    cross join succeeded
    cross join published

)

select * from versions
