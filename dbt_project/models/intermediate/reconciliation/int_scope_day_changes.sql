-- The guard of quantities: a day of an inventory, or a window of a meter, that is read again and loses more of its
-- quantity than a second reading explains, or gains as much as another unit would. Estimated days were never
-- measured, and may change.
with days as (

    select * from {{ source('finops', 'etl_scope_days') }}

),

published as (

    select * from days
    where is_published

),

found as (

    select * from days
    where not is_published

),

latest as (

    select distinct on (source, period)
        source,
        period,
        status
    from {{ source('finops', 'etl_reconciliations') }}
    order by source asc, period asc, decided_at desc nulls first

),

compared as (

    select
        published.source,
        published.period,
        published.day,
        published.unit,
        published.quantity as quantity_before,
        coalesce(found.quantity, 0) as quantity_after
    from published
    inner join latest on published.source = latest.source and published.period = latest.period
    left join found
        on
            published.source = found.source
            and published.day = found.day
            and published.unit = found.unit
    -- where the run found nothing of a day, all of it is gone
    where latest.status in ('PENDING', 'REFUSED')

),

changes as (

    select
        *,
        case
            when quantity_before - quantity_after > {{ setting('max_day_fall') }} * abs(quantity_before)
                then 'more than max_day_fall allows'
            -- MiB that are GiB now
            when quantity_before > 0 and quantity_after >= 1000 * quantity_before
                then 'as much as another unit makes it'
        end as suspicion
    from compared

)

select * from changes
where suspicion is not null
