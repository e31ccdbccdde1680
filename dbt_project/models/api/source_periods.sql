with source_months as (

    select
        source,
        domain,
        period,
        measured_days,
        estimated_days,
        missing_days,
        days_to_come,
        complete_date,
        is_spread,
        missing_dates
    from {{ ref('mv_source_month') }}

)

select * from source_months
