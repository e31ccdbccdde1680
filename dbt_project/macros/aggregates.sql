{#- The aggregates are refreshed together at the end of a run (below), never one by one: readers must not see two disagree. -#}
{% macro postgres__refresh_materialized_view(relation) %}
    select 'refreshed by refresh_aggregates at the end of the run'
{% endmacro %}

{#-
A changed query asks for a new view, as changed indexes do for new indexes. What PostgreSQL makes of both queries is compared,
rather than a fingerprint that is kept somewhere: so a database of before this rule is told right too, and a comment changes
nothing. After a restore from a dump, which writes queries in its own words, it may see a change once where there is none.
-#}
{% macro postgres__get_materialized_view_configuration_changes(existing_relation, new_config) %}
    {%- if not stands_as_written(existing_relation, new_config.model.compiled_code) -%}
        {{ return({'requires_full_refresh': true}) }}
    {%- endif -%}
    {%- set indexes = postgres__describe_materialized_view(existing_relation) -%}
    {{ return(existing_relation.get_materialized_view_config_change_collection(indexes, new_config.model)) }}
{% endmacro %}

{% macro stands_as_written(relation, sql) %}
    {%- set same = run_query(
        "create temporary view as_written as " ~ sql ~ ";
        select pg_get_viewdef('pg_temp.as_written'::regclass) = pg_get_viewdef('" ~ relation ~ "'::regclass)"
    ).columns[0][0] -%}
    {%- do run_query("drop view pg_temp.as_written") -%}
    {{ return(same) }}
{% endmacro %}

{#-
A new materialized view in the place of an old one, under its readers' eyes: dbt drops the old one with whatever reads it, then
makes the new one while everybody waits. Here

1. the new one is made and committed beside the old one. Then a second passes: a transaction that began before does not see
   its rows, and would read nothing at all from it;
2. in one transaction, the views that read the old one are moved to the new one, with their grants, and the old one is
   dropped. They are locked first, as a query locks them: view, then what it reads. Owner to the same owner locks nothing else.

A view that can't stand on the new query is dropped where dbt makes it anew in this run, and is an error where it is somebody
else's.
-#}
{% macro postgres__get_replace_sql(existing_relation, target_relation, sql) %}
    {%- if not (existing_relation.is_materialized_view and target_relation.is_materialized_view) -%}
        {{ return(default__get_replace_sql(existing_relation, target_relation, sql)) }}
    {%- endif -%}
    {%- set new = make_intermediate_relation(target_relation) -%}
    {%- set old = make_backup_relation(target_relation, existing_relation.type) -%}
    {%- do run_query(
        "begin; " ~ get_create_materialized_view_as_sql(new, sql) ~ "; analyze " ~ new ~ "; commit; select pg_sleep(1)"
    ) -%}
    {%- set own = ['none'] -%}
    {%- for node in graph.nodes.values() if model.unique_id in node.depends_on.nodes -%}
        {%- do own.append(node.schema ~ '.' ~ node.alias) -%}
    {%- endfor %}
    create temporary table readers on commit drop as
    select distinct
        cast(cast(pg_class.oid as regclass) as text) as name,
        cast(cast(pg_class.relowner as regrole) as text) as owner,
        coalesce('with (' || array_to_string(pg_class.reloptions, ', ') || ')', '') as options,
        pg_get_viewdef(pg_class.oid) as definition
    from pg_depend
    inner join pg_rewrite on pg_depend.objid = pg_rewrite.oid
    inner join pg_class on pg_rewrite.ev_class = pg_class.oid
    where
        pg_depend.classid = 'pg_rewrite'::regclass
        and pg_depend.refclassid = 'pg_class'::regclass
        and pg_depend.refobjid = '{{ existing_relation }}'::regclass
        and pg_class.relkind = 'v';
    do $$
    declare
        reader record;
        allowed record;
    begin
        for reader in select * from readers order by name loop
            execute format('alter view %s owner to %s', reader.name, reader.owner);
        end loop;
        for allowed in
            select
                privilege_type,
                case when grantee = 0 then 'public' else cast(cast(grantee as regrole) as text) end as grantee
            from pg_class, aclexplode(relacl) as acl
            where oid = '{{ existing_relation }}'::regclass and grantee <> relowner
        loop
            execute format('grant %s on {{ new }} to %s', allowed.privilege_type, allowed.grantee);
        end loop;
        alter materialized view {{ existing_relation }} rename to {{ old.identifier }};
        alter materialized view {{ new }} rename to {{ target_relation.identifier }};
        for reader in select * from readers loop
            begin
                execute format('create or replace view %s %s as %s', reader.name, reader.options, reader.definition);
            exception when syntax_error_or_access_rule_violation then
                if reader.name not in ('{{ own | join("', '") }}') then
                    raise exception 'view % reads {{ target_relation.identifier }}, and can''t stand on its new query (%)',
                        reader.name, sqlerrm
                    using hint = 'drop it, and make it again after this run';
                end if;
                execute format('drop view %s', reader.name);
            end;
        end loop;
        drop materialized view {{ old }};
    end
    $$;
{% endmacro %}

{% macro refresh_aggregates(results) %}
    {%- if not writes_fact() -%}{{ return('') }}{%- endif -%}
    {%- set fact = results | selectattr('node.unique_id', 'equalto', 'model.finops.fact_releve') | first -%}
    {%- if not fact or fact.status != 'success' -%}{{ return('') }}{%- endif -%}
    begin;
    {% if is_own_run() -%}
    select pg_advisory_xact_lock({{ lock_number() }});
    {% endif -%}
    create temporary table refresh_start on commit drop as select clock_timestamp() as at;
    {% for node in graph.nodes.values() | selectattr('config.materialized', 'equalto', 'materialized_view') -%}
    {%- if load_relation(api.Relation.create(node.database, node.schema, node.alias)) -%}
    refresh materialized view concurrently "{{ node.schema }}"."{{ node.alias }}";
    {% endif -%}
    {%- endfor -%}
    insert into finops.etl_steps (run_id, step, start_time, end_time, status)
    select '{{ current_run_id() }}', 'refresh', at, clock_timestamp(), 'SUCCESS' from refresh_start;
    commit;
{% endmacro %}

{#- Elementwise sum of daily_cost, as long as the month: subscripts of a plain aggregate need no unnest and no second group. -#}
{% macro summed_days() -%}
    (array[
        {% for day in range(1, 32) -%}
        sum(daily_cost[{{ day }}]){{ ',' if not loop.last }}
        {% endfor -%}
    ])[1:max(cardinality(daily_cost))]
{%- endmacro %}

{#- A month is whole: it belongs to who owns the application on its last day, as far as is known (docs/ownership.md). -#}
{% macro owns_month(owners, period) -%}
    {{ period }} + interval '1 month' > {{ owners }}.valid_from
    and ({{ owners }}.valid_to is null or {{ period }} + interval '1 month' <= {{ owners }}.valid_to)
{%- endmacro %}
