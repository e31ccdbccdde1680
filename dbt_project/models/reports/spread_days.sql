with accepted as (

    select * from {{ source('finops', 'etl_accepted') }}

),

spread as (

    select
        source,
        cast(date_trunc('month', cast(window_date as timestamp)) as date) as period,
        window_date as first_date,
        window_end - 1 as last_date
    from accepted
    where measure = 'metered' and window_end > window_date + 1

)

select * from spread
