-- The catalog's snapshots that are still there, numbered: what came before the last purged one is not read again.
with accepted as (

    select * from {{ source('finops', 'etl_accepted') }}
    where source = 'backstage.catalog'

),

purged as (

    select coalesce(max(window_date), date '0001-01-01') as last_date
    from accepted
    where purged_at is not null

),

snapshots as (

    select
        cast(accepted.run_id as text) as extraction_run_id,
        accepted.window_date,
        row_number() over (order by accepted.window_date) as number,
        lead(accepted.window_date) over (order by accepted.window_date) as next_date
    from accepted
    cross join purged
    where accepted.window_date > purged.last_date

)

select * from snapshots
