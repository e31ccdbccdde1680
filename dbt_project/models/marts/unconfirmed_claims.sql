{{ config(materialized='view') }}

with claims as (

    select * from {{ ref('int_catalog_claims') }}

),

owners as (

    select * from {{ ref('int_code_owners') }}
    where valid_to is null

),

catalog_owners as (

    select * from {{ ref('int_catalog_owners') }}

),

applications as (

    select * from {{ ref('int_applications') }}

),

entities as (

    select * from {{ ref('int_catalog_entities') }}
    where next_date is null

),

holders as (

    select distinct on (code_key)
        code_key,
        holder_ref
    from catalog_owners
    order by code_key asc, valid_from desc

),

claimed as (

    select
        code_key,
        entity_ref,
        owner_ref,
        min(valid_from) as first_date
    from claims
    where owner_ref is not null
    group by code_key, entity_ref, owner_ref
    -- still there, and still says so
    having bool_or(valid_to is null)

),

of_applications as (

    select
        'OTHER_OWNER' as claim,
        applications.application_id as subject_id,
        holders.holder_ref,
        owners.group_key as holder_group_id,
        claimed.entity_ref as claimant_ref,
        finops.group_of(claimed.owner_ref) as claimed_group_id,
        greatest(claimed.first_date, owners.valid_from) as claimed_on
    from claimed
    inner join owners on claimed.code_key = owners.code_key
    inner join applications on claimed.code_key = upper(applications.application_id)
    left join holders on claimed.code_key = holders.code_key
    where owners.group_key is distinct from finops.group_of(claimed.owner_ref)

),

of_groups as (

    select
        'OTHER_PARENT' as claim,
        finops.group_of(entity_ref) as subject_id,
        cast(null as text) as holder_ref,
        cast(null as text) as holder_group_id,
        unconfirmed_parent_ref as claimant_ref,
        finops.group_of(unconfirmed_parent_ref) as claimed_group_id,
        window_date as claimed_on
    from entities
    where kind = 'group' and parent_ref is null and unconfirmed_parent_ref is not null

),

unconfirmed as (

    select
        claim,
        subject_id,
        holder_ref,
        holder_group_id,
        claimant_ref,
        claimed_group_id,
        claimed_on
    from of_applications
    union all
    select
        claim,
        subject_id,
        holder_ref,
        holder_group_id,
        claimant_ref,
        claimed_group_id,
        claimed_on
    from of_groups

)

select * from unconfirmed
