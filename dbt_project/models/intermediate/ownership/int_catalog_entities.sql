-- What a snapshot says of an entity, and what its system says for it: an owner that it does not name is its system's.
-- A group's parent is the one that it names; who lists it as a child would see its costs, and needs the right to (the
-- setting `catalog_claims`). Windows stand here for self-joins: the planner takes what is
-- left of the raw tables for a few rows, and would join thousands of them to thousands in nested loops.
with snapshots as (

    select * from {{ ref('int_catalog_snapshots') }}

),

entities as (

    select * from {{ ref('stg_backstage__catalog') }}

),

listed as (

    -- an entity that moves while the pages are read may be on two of them
    select distinct on (snapshots.number, entities.entity_ref)
        snapshots.number,
        snapshots.window_date,
        snapshots.next_date,
        entities.entity_ref,
        entities.kind,
        entities.namespace,
        case
            when entities.kind in ('component', 'system') then coalesce(entities.annotated_code, entities.entity_name)
        end as application_code,
        entities.entity_name,
        entities.title,
        entities.owner_ref,
        entities.system_ref,
        entities.parent_ref,
        entities.children
    from snapshots
    inner join entities
        on snapshots.extraction_run_id = entities.extraction_run_id and snapshots.window_date = entities.window_date
    where entities.entity_ref is not null
    order by snapshots.number, entities.entity_ref, entities.record_id

),

-- beside the entities, what groups say of their children
with_children as (

    select
        number,
        window_date,
        next_date,
        entity_ref,
        kind,
        application_code,
        entity_name,
        title,
        owner_ref,
        system_ref,
        parent_ref,
        cast(null as text) as named_by_ref,
        false as may_claim
    from listed

    union all

    select
        listed.number,
        listed.window_date,
        listed.next_date,
        finops.entity_ref(child.ref, 'group', listed.namespace) as entity_ref,
        cast(null as text) as kind,
        cast(null as text) as application_code,
        cast(null as text) as entity_name,
        cast(null as text) as title,
        cast(null as text) as owner_ref,
        cast(null as text) as system_ref,
        cast(null as text) as parent_ref,
        listed.entity_ref as named_by_ref,
        finops.may_claim(
            '{{ tojson(setting("catalog_claims") or {}) }}', listed.entity_ref,
            finops.group_of(finops.entity_ref(child.ref, 'group', listed.namespace))
        ) as may_claim
    from listed
    cross join lateral json_array_elements_text(listed.children) as child (ref)
    where listed.kind = 'group'

),

inherited as (

    select
        number,
        window_date,
        next_date,
        entity_ref,
        kind,
        application_code,
        entity_name,
        title,
        coalesce(owner_ref, max(owner_ref) filter (where kind = 'system') over system_and_its_parts) as owner_ref,
        system_ref,
        coalesce(parent_ref, min(named_by_ref) filter (where may_claim) over entity_and_who_names_it) as parent_ref,
        min(named_by_ref) filter (where not may_claim) over entity_and_who_names_it as unconfirmed_parent_ref
    from with_children
    window
        system_and_its_parts as (
            partition by number, case when kind = 'system' then entity_ref else system_ref end
        ),
        entity_and_who_names_it as (partition by number, entity_ref)

)

select * from inherited
where kind is not null
