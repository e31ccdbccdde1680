{#-
The catalog says what is, and not what was: what it said each night is kept here, a row a change, so that the snapshots
themselves can be purged (ingest/pipeline/ledger.py). It is recomputed from the remaining snapshots; what
came before the last purged one is kept. So the result follows from the snapshots and not from when dbt ran, which a dbt
snapshot's would (it dates a deletion by the clock).
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

with snapshots as (

    select * from {{ ref('int_catalog_snapshots') }}

),

entities as (

    select * from {{ ref('int_catalog_entities') }}

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
    from entities

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
        compared.entity_ref,
        change.changed_on,
        change.is_present,
        case when change.is_present then compared.application_code end as application_code,
        case when change.is_present then compared.entity_name end as entity_name,
        case when change.is_present then compared.title end as title,
        case when change.is_present then compared.owner_ref end as owner_ref,
        case when change.is_present then compared.system_ref end as system_ref,
        case when change.is_present then compared.parent_ref end as parent_ref
    from compared
    cross join
        lateral (
            values
            (
                compared.window_date, true,
                compared.number > 0
                and (compared.previous_number, compared.previous_state) is distinct from (
                    compared.number - 1, compared.state
                )
            ),
            -- gone from the next snapshot
            (compared.next_date, false, compared.following_number is distinct from compared.number + 1)
        ) as change (changed_on, is_present, is_change)
    where change.is_change and change.changed_on is not null

)

select * from changes
