-- From the first snapshot that may say so, the catalog says who owns a code; before that, and where it may not, the
-- reference data; if that knows none, the first owner that the catalog named stands in. What left keeps its owner.
with catalog as (

    select * from {{ ref('int_catalog_owners') }}

),

claims as (

    select * from {{ ref('int_catalog_claims') }}

),

reference as (

    select * from {{ source('reference', 'applications') }}

),

reference_owners as (

    select * from {{ source('reference', 'application_owners') }}

),

days as (

    select
        upper(application_id) as code_key,
        date '0001-01-01' as day
    from reference
    union
    select
        code_key,
        date '0001-01-01' as day
    from claims
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
        code_key,
        day as valid_from,
        lead(day) over (partition by code_key order by day) as valid_to,
        group_key
    from compared
    where number = 1 or group_key is distinct from previous_key

)

select * from owners
