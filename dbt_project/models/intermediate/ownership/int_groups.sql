-- Whoever owns is a group here, a user too: what a catalog does not describe has its reference for a name.
with history as (

    select * from {{ ref('int_catalog_history') }}

),

owners as (

    select * from {{ ref('int_code_owners') }}

),

reference as (

    select * from {{ source('reference', 'groups') }}

),

catalog_groups as (

    select
        finops.group_of(entity_ref) as group_key,
        (array_agg(coalesce(title, entity_name) order by changed_on desc) filter (where is_present))[1] as group_name,
        (array_agg(finops.group_of(parent_ref) order by changed_on desc) filter (where is_present))[1] as parent_key,
        case when not (array_agg(is_present order by changed_on desc))[1] then max(changed_on) end as left_on
    from history
    -- what nobody owns is of no group of the catalog, and below none
    where starts_with(entity_ref, 'group:') and finops.group_of(entity_ref) <> 'unallocated'
    group by group_key

),

keys as (

    select group_key from catalog_groups
    union
    select parent_key as group_key from catalog_groups
    where parent_key is not null
    union
    select group_key from owners
    where group_key is not null
    union
    select lower(parent_group_id) as group_key from reference
    where parent_group_id is not null
    union
    select lower(group_id) as group_key from reference

),

groups as (

    select
        coalesce(reference.group_id, keys.group_key) as group_id,
        coalesce(catalog_groups.group_name, reference.group_name, keys.group_key) as group_name,
        coalesce(reference.parent_group_id, parents.group_id, catalog_groups.parent_key) as parent_group_id,
        catalog_groups.left_on is null as is_active,
        catalog_groups.left_on
    from keys
    left join catalog_groups on keys.group_key = catalog_groups.group_key
    left join reference on keys.group_key = lower(reference.group_id)
    left join reference as parents on catalog_groups.parent_key = lower(parents.group_id)

)

select * from groups
