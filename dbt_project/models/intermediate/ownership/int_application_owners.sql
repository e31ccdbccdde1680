-- From the first snapshot that names an application, the catalog says who owns it; before that, the reference data; if
-- that does not know it, the first owner that the catalog named stands in. What left keeps its last owner.
with catalog as (

    select * from {{ ref('int_catalog_applications') }}
    where is_present

),

applications as (

    select * from {{ ref('int_applications') }}

),

reference as (

    select * from {{ source('reference', 'applications') }}

),

reference_owners as (

    select * from {{ source('reference', 'application_owners') }}

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
    from catalog
    union
    select
        upper(reference_owners.application_id) as code_key,
        changes.day
    from reference_owners
    cross join unnest(array[reference_owners.valid_from, reference_owners.valid_to]) as changes (day)
    where changes.day is not null

),

first_catalog_owners as (

    select distinct on (code_key)
        code_key,
        owner_ref
    from catalog
    where owner_ref is not null
    order by code_key, valid_from

),

decided as (

    select distinct on (days.code_key, days.day)
        days.code_key,
        days.day,
        lower(coalesce(
            finops.group_of(catalog.owner_ref), reference_owners.group_id, reference.group_id,
            finops.group_of(first_catalog_owners.owner_ref)
        )) as group_key
    from days
    left join catalog on days.code_key = catalog.code_key and days.day >= catalog.valid_from
    left join reference_owners
        on
            days.code_key = upper(reference_owners.application_id)
            and days.day >= reference_owners.valid_from
            and (reference_owners.valid_to is null or days.day < reference_owners.valid_to)
    left join reference on days.code_key = upper(reference.application_id)
    left join first_catalog_owners on days.code_key = first_catalog_owners.code_key
    order by days.code_key asc, days.day asc, catalog.valid_from desc nulls last

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
