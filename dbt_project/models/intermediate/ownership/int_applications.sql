-- The catalog names what it knows, the reference data the rest. Who left is still known.
with catalog as (

    select * from {{ ref('int_catalog_applications') }}

),

reference as (

    select * from {{ source('reference', 'applications') }}

),

catalogued as (

    select
        code_key,
        -- the first spelling, for good: relevés carry it
        (array_agg(application_code order by valid_from) filter (where entity_ref is not null))[1] as application_code,
        (array_agg(title order by valid_from desc) filter (where entity_ref is not null))[1] as title,
        (array_agg(entity_name order by valid_from desc) filter (where entity_ref is not null))[1] as entity_name,
        (array_agg(entity_ref order by valid_from desc) filter (where entity_ref is not null))[1] as entity_ref,
        (array_agg(system_ref order by valid_from desc) filter (where entity_ref is not null))[1] as system_ref,
        case when not (array_agg(is_present order by valid_from desc))[1] then max(valid_from) end as left_on
    from catalog
    group by code_key

),

applications as (

    select
        coalesce(reference.application_id, catalogued.application_code) as application_id,
        coalesce(catalogued.title, reference.application_name, catalogued.entity_name) as application_name,
        catalogued.entity_ref,
        catalogued.system_ref,
        catalogued.left_on is null as is_active,
        catalogued.left_on
    from catalogued
    full outer join reference on catalogued.code_key = upper(reference.application_id)

)

select * from applications
