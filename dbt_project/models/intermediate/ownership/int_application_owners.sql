-- From the first snapshot that names an application, the catalog says who owns it; before that, the reference data; if
-- that does not know it, the first owner that the catalog named stands in. What left keeps its last owner.
with said as (

    select * from {{ ref('int_catalog_applications') }}
    where is_present

),

applications as (

    select * from {{ ref('int_applications') }}

),

seeded as (

    select * from {{ ref('applications') }}

),

dated as (

    select * from {{ ref('application_owners') }}

),

groups as (

    select * from {{ ref('int_groups') }}

),

days as (

    select
        upper(application_id) as code_key,
        date '0001-01-01' as day
    from applications
    union
    select
        code_key,
        valid_from as day
    from said
    union
    select
        upper(application_id) as code_key,
        valid_from as day
    from dated
    union
    select
        upper(application_id) as code_key,
        valid_to as day
    from dated
    where valid_to is not null

),

first_said as (

    select distinct on (code_key)
        code_key,
        owner_ref
    from said
    where owner_ref is not null
    order by code_key, valid_from

),

decided as (

    select distinct on (days.code_key, days.day)
        days.code_key,
        days.day,
        lower(coalesce(
            finops.group_of(said.owner_ref), dated.group_id, seeded.group_id, finops.group_of(first_said.owner_ref)
        )) as group_key
    from days
    left join said on days.code_key = said.code_key and days.day >= said.valid_from
    left join dated
        on
            days.code_key = upper(dated.application_id)
            and days.day >= dated.valid_from
            and (dated.valid_to is null or days.day < dated.valid_to)
    left join seeded on days.code_key = upper(seeded.application_id)
    left join first_said on days.code_key = first_said.code_key
    order by days.code_key asc, days.day asc, said.valid_from desc nulls last

),

compared as (

    select
        *,
        lag(group_key) over (partition by code_key order by day) as previous_key,
        row_number() over (partition by code_key order by day) as number
    from decided

),

owners as (

    select
        applications.application_id,
        groups.group_id,
        compared.day as valid_from,
        lead(compared.day) over (partition by compared.code_key order by compared.day) as valid_to
    from compared
    inner join applications on compared.code_key = upper(applications.application_id)
    left join groups on compared.group_key = lower(groups.group_id)
    where compared.number = 1 or compared.group_key is distinct from compared.previous_key

)

select * from owners
