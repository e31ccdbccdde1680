-- What MetricFlow joins to: it asks for a row per day, published or not, of the months that there are costs of.
with months as (

    select * from {{ ref('mv_cost_domain_period') }}

),

published as (

    select
        min(period) as first_date,
        max(period) + interval '1 month -1 day' as last_date
    from months

),

days as (

    select cast(calendar.day as date) as calendar_date
    from published
    cross join lateral generate_series(published.first_date, published.last_date, interval '1 day') as calendar (day)

)

select * from days
