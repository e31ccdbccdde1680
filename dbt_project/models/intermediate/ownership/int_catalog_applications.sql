-- Several entities may carry one application code. Who holds it speaks for it, else who agrees on its owner: a System
-- before its Components, then the first by reference. What contradicts the owner only says that it is there.
with claims as (

    select * from {{ ref('int_catalog_claims') }}

),

owners as (

    select * from {{ ref('int_code_owners') }}

),

holders as (

    select distinct
        code_key,
        holder_ref
    from {{ ref('int_catalog_owners') }}

),

compared as (

    select
        claims.*,
        greatest(claims.valid_from, owners.valid_from) as spoken_from,
        least(claims.valid_to, owners.valid_to) as spoken_to,
        holders.holder_ref is not null as is_holder,
        claims.owner_ref is null or finops.group_of(claims.owner_ref) = owners.group_key as is_accepted
    from claims
    inner join owners
        on
            claims.code_key = owners.code_key
            and (claims.valid_to is null or claims.valid_to > owners.valid_from)
            and (owners.valid_to is null or claims.valid_from < owners.valid_to)
    left join holders on claims.code_key = holders.code_key and claims.entity_ref = holders.holder_ref

),

days as (

    select
        code_key,
        spoken_from as valid_from
    from compared
    union
    select
        code_key,
        spoken_to as valid_from
    from compared
    where spoken_to is not null

),

chosen as (

    select distinct on (days.code_key, days.valid_from)
        days.code_key,
        days.valid_from,
        case when compared.is_accepted then compared.application_code end as application_code,
        case when compared.is_accepted then compared.entity_name end as entity_name,
        case when compared.is_accepted then compared.title end as title,
        case when compared.is_accepted then compared.owner_ref end as owner_ref,
        case when compared.is_accepted then compared.system_ref end as system_ref,
        case when compared.is_accepted then compared.entity_ref end as entity_ref,
        compared.entity_ref is not null as is_present
    from days
    left join compared
        on
            days.code_key = compared.code_key
            and days.valid_from >= compared.spoken_from
            and (compared.spoken_to is null or days.valid_from < compared.spoken_to)
    order by
        days.code_key asc, days.valid_from asc, compared.is_accepted desc nulls last,
        compared.is_holder desc nulls last, compared.owner_ref is null asc,
        starts_with(compared.entity_ref, 'system:') desc nulls last, compared.entity_ref asc

)

select * from chosen
