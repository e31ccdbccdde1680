-- Whoever owns is a group here, a user too: what a catalog does not describe has its reference for a name.
with history as (

    select * from {{ ref('int_catalog_history') }}

),

said as (

    select * from {{ ref('int_catalog_applications') }}

),

seeded as (

    select * from {{ ref('groups') }}

),

listed as (

    select
        finops.group_of(entity_ref) as group_key,
        (array_agg(coalesce(title, entity_name) order by changed_on desc) filter (where is_present))[1] as group_name,
        (array_agg(finops.group_of(parent_ref) order by changed_on desc) filter (where is_present))[1] as parent_key,
        case when not (array_agg(is_present order by changed_on desc))[1] then max(changed_on) end as left_on
    from history
    where starts_with(entity_ref, 'group:')
    group by group_key

),

keys as (

    select group_key from listed
    union
    select parent_key as group_key from listed
    where parent_key is not null
    union
    select finops.group_of(owner_ref) as group_key from said
    where owner_ref is not null
    union
    select lower(group_id) as group_key from seeded

),

groups as (

    select
        coalesce(seeded.group_id, keys.group_key) as group_id,
        coalesce(listed.group_name, seeded.group_name, keys.group_key) as group_name,
        coalesce(parents.group_id, listed.parent_key) as parent_group_id,
        listed.left_on is null as is_active,
        listed.left_on
    from keys
    left join listed on keys.group_key = listed.group_key
    left join seeded on keys.group_key = lower(seeded.group_id)
    left join seeded as parents on listed.parent_key = lower(parents.group_id)

)

select * from groups
