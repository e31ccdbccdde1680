-- Whom the catalog makes the owner of each code, where it may. Of each weight (int_catalog_claims), the first entity
-- with the code holds it, and the heaviest that has begun decides. The holder's own changes move the code; what another
-- claims does not, nor what the holder says once it was gone, until it says what it said before; where a setting or the
-- reference data gives it the right, it always does.
with recursive claims as (

    select * from {{ ref('int_catalog_claims') }}

),

entities as (

    select
        code_key,
        entity_ref,
        max(weight) as weight,
        min(valid_from) as first_date
    from claims
    group by code_key, entity_ref

),

holders as (

    select distinct on (entities.code_key, levels.weight)
        entities.code_key,
        levels.weight,
        entities.entity_ref
    from entities
    cross join (values (1), (2), (3)) as levels (weight)
    where entities.weight >= levels.weight
    order by
        entities.code_key asc, levels.weight asc, entities.first_date asc,
        starts_with(entities.entity_ref, 'system:') desc, entities.entity_ref asc

),

statements as (

    select
        holders.code_key,
        holders.weight,
        holders.entity_ref,
        claims.owner_ref,
        claims.valid_from,
        row_number() over statement as number,
        coalesce(lag(claims.valid_to) over statement = claims.valid_from, false) as is_continued
    from holders
    inner join claims on holders.code_key = claims.code_key and holders.entity_ref = claims.entity_ref
    window statement as (partition by holders.code_key, holders.weight order by claims.valid_from)

),

walked as (

    select
        code_key,
        weight,
        entity_ref,
        number,
        valid_from,
        owner_ref,
        true as is_in_force
    from statements
    where number = 1

    union all

    select
        statements.code_key,
        statements.weight,
        statements.entity_ref,
        statements.number,
        statements.valid_from,
        case when accepted.is_in_force then statements.owner_ref else walked.owner_ref end as owner_ref,
        accepted.is_in_force
    from walked
    inner join statements
        on
            walked.code_key = statements.code_key
            and walked.weight = statements.weight
            and walked.number + 1 = statements.number
    cross join
        lateral (
            values (
                walked.weight > 1
                or (walked.is_in_force and statements.is_continued)
                or coalesce(statements.owner_ref, '') = coalesce(walked.owner_ref, '')
            )
        ) as accepted (is_in_force)

),

days as (

    select distinct
        code_key,
        valid_from
    from walked

),

decided as (

    select distinct on (days.code_key, days.valid_from)
        days.code_key,
        days.valid_from,
        walked.owner_ref,
        walked.entity_ref as holder_ref
    from days
    inner join walked on days.code_key = walked.code_key and days.valid_from >= walked.valid_from
    order by days.code_key asc, days.valid_from asc, walked.weight desc, walked.valid_from desc

)

select * from decided
