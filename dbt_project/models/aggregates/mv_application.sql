{{ config(indexes=[{'columns': ['application_id'], 'unique': true}]) }}

with applications as (

    select * from {{ ref('dim_application') }}

),

months as (

    select * from {{ ref('mv_cost_app_month') }}

),

consumed as (

    select
        application_id,
        min(period) as first_period,
        max(period) as last_period
    from months
    group by application_id

),

known as (

    select
        coalesce(applications.application_id, consumed.application_id) as application_id,
        coalesce(applications.application_name, consumed.application_id) as application_name,
        coalesce(applications.group_id, 'unallocated') as group_id,
        coalesce(applications.group_name, 'Unallocated') as group_name,
        consumed.first_period,
        consumed.last_period
    from applications
    full outer join consumed on applications.application_id = consumed.application_id

)

select * from known
