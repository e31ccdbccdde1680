-- In which currency: the price's or the bill's amount × the month's rate to the reporting currency.
with usage_lines as (

    select * from {{ ref('int_usage_price') }}

),

fx_rates as (

    select * from {{ ref('int_fx_rates') }}

),

converted as (

    select
        usage_lines.*,
        case
            when usage_lines.source_currency = '{{ setting("reporting_currency") }}' then cast(1 as numeric)
            else fx_rates.rate
        end as fx_rate,
        coalesce(fx_rates.is_assumed, false) as has_assumed_rate
    from usage_lines
    left join fx_rates
        on
            usage_lines.period = fx_rates.period
            and usage_lines.source_currency = fx_rates.from_currency
            and usage_lines.source_currency <> '{{ setting("reporting_currency") }}'

),

in_reporting_currency as (

    select
        *,
        source_cost * fx_rate as total_cost,
        '{{ setting("reporting_currency") }}' as currency,
        has_assumed_rate or (source_currency is not null and fx_rate is null) as has_no_rate,
        case when fx_rate is null then 'NO_FX_RATE' end as rate_defect,
        case
            when fx_rate is null
                then
                    'add the rate of ' || source_currency || ' for ' || to_char(period, 'YYYY-MM')
                    || ' to the reference table fx_rates'
        end as rate_defect_detail
    from converted

)

select * from in_reporting_currency -- noqa: AM04
