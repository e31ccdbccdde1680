-- Several entities may carry one application code: the System speaks for its Components, else the first by reference.
with history as (

    select * from {{ ref('int_catalog_history') }}

),

versions as (

    select
        *,
        lead(changed_on) over (partition by entity_ref order by changed_on) as replaced_on
    from history

),

coded as (

    select
        upper(application_code) as code_key,
        application_code,
        entity_name,
        title,
        owner_ref,
        system_ref,
        entity_ref,
        changed_on,
        replaced_on
    from versions
    -- nobody owns what nobody claims
    where is_present and upper(application_code) <> 'UNALLOCATED'

),

days as (

    select
        code_key,
        changed_on as valid_from
    from coded
    union
    select
        code_key,
        replaced_on as valid_from
    from coded
    where replaced_on is not null

),

chosen as (

    select distinct on (days.code_key, days.valid_from)
        days.code_key,
        days.valid_from,
        coded.application_code,
        coded.entity_name,
        coded.title,
        coded.owner_ref,
        coded.system_ref,
        coded.entity_ref,
        coded.entity_ref is not null as is_present
    from days
    left join coded
        on
            days.code_key = coded.code_key
            and days.valid_from >= coded.changed_on
            and (coded.replaced_on is null or days.valid_from < coded.replaced_on)
    order by
        days.code_key asc, days.valid_from asc, starts_with(coded.entity_ref, 'system:') desc nulls last,
        coded.entity_ref asc

)

select * from chosen
