-- Who claims which application code, and what each claim is worth:
-- 3: the reference data names the entity (`entity_ref` in applications.csv), and those of others are worth nothing;
-- 2: the setting `catalog_claims` lets the entity claim the code;
-- 1: the reference data names no owner, so whoever has the code first may own it;
-- 0: it does, and the catalog only agrees with it or does not.
with history as (

    select * from {{ ref('int_catalog_history') }}

),

reference as (

    select * from {{ source('reference', 'applications') }}

),

versions as (

    select
        *,
        lead(changed_on) over (partition by entity_ref order by changed_on) as replaced_on
    from history

),

claims as (

    select
        upper(application_code) as code_key,
        application_code,
        entity_ref,
        entity_name,
        title,
        owner_ref,
        system_ref,
        changed_on as valid_from,
        replaced_on as valid_to
    from versions
    -- nobody owns what nobody claims
    where is_present and upper(application_code) <> 'UNALLOCATED'

),

weighed as (

    select
        claims.*,
        case
            when reference.entity_ref is not null
                then
                    case
                        when finops.entity_ref(reference.entity_ref, 'component', 'default') = claims.entity_ref then 3
                        else 0
                    end
            when
                finops.may_claim(
                    '{{ tojson(setting("catalog_claims") or {}) }}', claims.entity_ref, claims.code_key
                )
                then 2
            when coalesce(lower(reference.group_id), 'unallocated') = 'unallocated' then 1
            else 0
        end as weight
    from claims
    left join reference on claims.code_key = upper(reference.application_id)

)

select * from weighed
