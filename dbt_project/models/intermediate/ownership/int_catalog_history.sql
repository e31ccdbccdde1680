{#-
The catalog says what is, and not what was: what it said each night is kept here, a row a change, so that the snapshots
themselves can be purged (ingest/pipeline/ledger.py). All of it is worked out again from the snapshots that are still there; what
came before the last purged one stands. So the result follows from the snapshots and not from when dbt ran, which a dbt
snapshot's would (it dates a deletion by the clock).

Windows stand here for self-joins: the planner takes what is left of the raw tables for a few rows, and would join thousands
of them to thousands in nested loops.
-#}
{% set state %}cast(json_build_array(
            application_code, entity_name, title, owner_ref, system_ref, parent_ref
        ) as text){% endset -%}
{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='append_new_columns',
    full_refresh=false,
    pre_hook="{% if is_incremental() %}delete from {{ this }} where changed_on > (
        select coalesce(max(window_date), date '0001-01-01') from {{ source('finops', 'etl_accepted') }}
        where source = 'backstage.catalog' and purged_at is not null
    ){% endif %}",
    post_hook="analyze {{ this }}"
) }}

with accepted as (

    select * from {{ source('finops', 'etl_accepted') }}

),

entities as (

    select * from {{ ref('stg_backstage__catalog') }}

),

purged as (

    select coalesce(max(window_date), date '0001-01-01') as last_date
    from accepted
    where source = 'backstage.catalog' and purged_at is not null

),

snapshots as (

    select
        cast(accepted.run_id as text) as extraction_run_id,
        accepted.window_date,
        row_number() over (order by accepted.window_date) as number,
        lead(accepted.window_date) over (order by accepted.window_date) as next_date
    from accepted
    cross join purged
    where accepted.source = 'backstage.catalog' and accepted.window_date > purged.last_date

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
        cast(null as text) as named_by_ref
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
        listed.entity_ref as named_by_ref
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
        coalesce(parent_ref, min(named_by_ref) over entity_and_who_names_it) as parent_ref
    from with_children
    window
        system_and_its_parts as (
            partition by number, case when kind = 'system' then entity_ref else system_ref end
        ),
        entity_and_who_names_it as (partition by number, entity_ref)

),

described as (

    select
        number,
        window_date,
        next_date,
        entity_ref,
        application_code,
        entity_name,
        title,
        owner_ref,
        system_ref,
        parent_ref,
        {{ state }} as state
    from inherited
    where kind is not null

    {% if is_incremental() -%}
        union all

        -- number 0: what stands, the rows of the snapshots still there being gone by now, see pre_hook
        select
            0 as number,
            cast(null as date) as window_date,
            (select min(snapshots.window_date) from snapshots) as next_date,
            entity_ref,
            application_code,
            entity_name,
            title,
            owner_ref,
            system_ref,
            parent_ref,
            {{ state }} as state
        from (
            select distinct on (entity_ref) *
            from {{ this }}
            order by entity_ref asc, changed_on desc
        ) as latest
        where is_present
    {%- endif %}

),

compared as (

    select
        *,
        lag(number) over entity as previous_number,
        lag(state) over entity as previous_state,
        lead(number) over entity as following_number
    from described
    window entity as (partition by entity_ref order by number)

),

changes as (

    select
        entity_ref,
        window_date as changed_on,
        true as is_present,
        application_code,
        entity_name,
        title,
        owner_ref,
        system_ref,
        parent_ref
    from compared
    where number > 0 and (previous_number is distinct from number - 1 or state is distinct from previous_state)

    union all

    -- gone from the next snapshot
    select
        entity_ref,
        next_date as changed_on,
        false as is_present,
        cast(null as text) as application_code,
        cast(null as text) as entity_name,
        cast(null as text) as title,
        cast(null as text) as owner_ref,
        cast(null as text) as system_ref,
        cast(null as text) as parent_ref
    from compared
    where next_date is not null and following_number is distinct from number + 1

)

select * from changes
