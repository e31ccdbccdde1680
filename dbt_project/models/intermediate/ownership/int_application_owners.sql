with owners as (

    select * from {{ ref('int_code_owners') }}

),

applications as (

    select * from {{ ref('int_applications') }}

),

groups as (

    select * from {{ ref('int_groups') }}

),

named as (

    select
        applications.application_id,
        groups.group_id,
        owners.valid_from,
        owners.valid_to
    from owners
    inner join applications on owners.code_key = upper(applications.application_id)
    left join groups on owners.group_key = lower(groups.group_id)

)

select * from named
