-- One row per month and currency: what one unit of it is worth in the reporting currency. With `fx_missing: latest`, a
-- month without a rate takes the last one before it, up to ten years back.
with fx_rates as (

    select * from {{ source('reference', 'fx_rates') }}
    where to_currency = '{{ setting("reporting_currency") }}'

),

known as (

    select
        from_currency,
        period,
        rate,
        lead(period) over (partition by from_currency order by period) as next_period
    from fx_rates

),

rates as (

    select
        known.from_currency,
        cast(months.period as date) as period,
        known.rate,
        cast(months.period as date) > known.period as is_assumed
    from known
    cross join lateral generate_series(
        cast(known.period as timestamp),
        coalesce(cast(known.next_period as timestamp), known.period + interval '10 years') - interval '1 month',
        interval '1 month'
    ) as months (period)

),

allowed as (

    select * from rates
    where not is_assumed or '{{ setting("fx_missing") }}' = 'latest'

)

select * from allowed
