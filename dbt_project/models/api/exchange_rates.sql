with rates as (

    select
        period,
        from_currency,
        to_currency,
        rate,
        is_assumed
    from {{ ref('mv_fx_rate') }}

)

select * from rates
