{{ config(indexes=[{'columns': ['period', 'group_id', 'currency'], 'unique': true}]) }}

with releves as (

    select * from {{ ref('fact_releve') }}

),

owners as (

    select * from {{ ref('dim_application_owner') }}

),

owned as (

    select
        releves.period,
        releves.currency,
        releves.total_cost,
        releves.is_estimated,
        coalesce(owners.group_id, 'unallocated') as group_id
    from releves
    -- a month is whole: it belongs to who owns the application on its last day, as far as is known
    left join owners
        on
            releves.application_id = owners.application_id
            and releves.period + interval '1 month' > owners.valid_from
            and (owners.valid_to is null or releves.period + interval '1 month' <= owners.valid_to)

),

costs as (

    select
        period,
        group_id,
        currency,
        sum(total_cost) as total_cost,
        sum(total_cost) filter (where is_estimated) as estimated_cost,
        count(*) as releve_count
    from owned
    group by period, group_id, currency

)

select * from costs
