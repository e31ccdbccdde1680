with lines as (

    select * from {{ ref('releve_lines') }}

),

rejects as (

    select * from {{ source('finops', 'rejected_usage') }}

),

-- What no application claims is named by the best that it says of itself.
unallocated as (

    select
        period,
        source,
        application_id as reason,
        coalesce(
            'code ' || application_code,
            case when source like 'focus.%' then 'account ' || coalesce(sub_account_name, sub_account_id) end,
            'resource ' || coalesce(resource_id, resource_name),
            'no name at all'
        ) as subject,
        total_cost as amount,
        currency
    from lines
    where application_id = 'UNALLOCATED'

),

-- The same remedy on every day is one.
rejected as (

    select
        period,
        source,
        reason,
        coalesce(regexp_replace(detail, ' valid on [0-9-]+', ''), product_id, 'unknown') as subject,
        amount,
        currency
    from rejects

),

gaps as (

    select period, source, reason, subject, amount, currency from unallocated
    union all
    select period, source, reason, subject, amount, currency from rejected

),

summed as (

    select
        period,
        source,
        reason,
        subject,
        sum(amount) as amount,
        max(currency) as currency,
        count(*) as line_count
    from gaps
    group by period, source, reason, subject

)

select * from summed
