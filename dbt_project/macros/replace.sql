{#-
How a view or an aggregate is replaced while people read it. dbt drops the old one with everything that reads it, then makes
those anew, one by one: `releve_lines` was gone for seconds. Here nothing that is read is dropped. What a newer query takes
the place of is renamed, its readers are moved to the new one, and the old one goes at the end of the run.
-#}

{#- A view whose query is what it was is left alone; one that keeps its columns is replaced in place. -#}
{% materialization view, adapter='postgres' %}
    {%- set target_relation = this.incorporate(type='view') -%}
    {%- set existing_relation = load_cached_relation(this) -%}
    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}
    {%- call statement('main') -%}
        {%- if existing_relation is none -%}
            {{ get_create_view_as_sql(target_relation, sql) }}
        {%- elif existing_relation.is_view and definition_unchanged(existing_relation, sql) -%}
            select 'the query is what it was'
        {%- else -%}
            {%- set new = make_intermediate_relation(target_relation) -%}
            {%- set swap = get_create_view_as_sql(new, sql) ~ swap_sql(existing_relation, new, target_relation) -%}
            {%- if existing_relation.is_view -%}
                {%- set swap -%}
                    begin
                        {{ get_replace_view_sql(target_relation, sql) }}
                    exception when invalid_table_definition then
                        {{ swap }}
                    end;
                {%- endset -%}
            {%- endif -%}
            {{ without_waiting(swap) }}
        {%- endif -%}
    {%- endcall -%}
    {%- do persist_docs(target_relation, model) -%}
    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {{ adapter.commit() }}
    {{ run_hooks(post_hooks, inside_transaction=False) }}
    {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}

{#-
A new materialized view is made and committed beside the old one first. Then a second passes: a transaction that began before
does not see its rows, and would read nothing at all from it.
-#}
{% macro postgres__get_replace_sql(existing_relation, target_relation, sql) %}
    {%- set new = make_intermediate_relation(target_relation) -%}
    {%- do run_query(
        "begin; " ~ get_create_materialized_view_as_sql(new, sql) ~ "; analyze " ~ new ~ "; commit; select pg_sleep(1)"
    ) -%}
    {{ without_waiting(swap_sql(existing_relation, new, target_relation)) }}
{% endmacro %}

{#- What PostgreSQL makes of both queries is compared; see docs/upgrading.md. -#}
{% macro definition_unchanged(relation, sql) %}
    {%- set same = run_query(
        "create temporary view as_written as " ~ sql ~ ";
        select pg_get_viewdef('pg_temp.as_written'::regclass) = pg_get_viewdef('" ~ relation ~ "'::regclass)"
    ).columns[0][0] -%}
    {%- do run_query("drop view pg_temp.as_written") -%}
    {{ return(same) }}
{% endmacro %}

{#-
Runs statements that need a relation for themselves. Readers queue behind whoever waits for it, so nobody waits: a twentieth
of a second, then everything is let go, and tried again half a second later, for 20 seconds.
-#}
{% macro without_waiting(statements) %}
    do $patient$
    declare
        deadline timestamptz := clock_timestamp() + interval '20 seconds';
        known record;
        is_own boolean;
        set_aside text;
    begin
        perform set_config('lock_timeout', '50ms', true);
        loop
            begin
                {{ statements }}
                exit;
            exception when lock_not_available or deadlock_detected then
                if clock_timestamp() > deadline then
                    raise;
                end if;
            end;
            perform pg_sleep(0.5);
        end loop;
    end
    $patient$;
{% endmacro %}

{#-
PL/pgSQL that puts a new relation in the place of an old one, with its grants and its readers. These are locked first, as a
query locks them: the view, then what it reads (owner to the same owner changes nothing else). A view of this project that
can't stand on the new query reads the old one on, until this run or the next makes it anew; somebody else's is an error.
-#}
{% macro swap_sql(existing_relation, new_relation, target_relation) %}
    {%- set own = [] -%}
    {%- for node in graph.nodes.values() if node.resource_type == 'model' -%}
        {%- do own.append(node.schema ~ '.' ~ node.alias) -%}
    {%- endfor %}
    drop table if exists pg_temp.readers;
    create temporary table readers on commit drop as
    select distinct
        format('%I.%I', pg_namespace.nspname, pg_class.relname) as name,
        cast(cast(pg_class.relowner as regrole) as text) as owner,
        pg_class.relkind as kind,
        coalesce('with (' || array_to_string(pg_class.reloptions, ', ') || ')', '') as options,
        pg_get_viewdef(pg_class.oid) as definition
    from pg_depend
    inner join pg_rewrite on pg_depend.objid = pg_rewrite.oid
    inner join pg_class on pg_rewrite.ev_class = pg_class.oid
    inner join pg_namespace on pg_class.relnamespace = pg_namespace.oid
    where
        pg_depend.classid = 'pg_rewrite'::regclass
        and pg_depend.refclassid = 'pg_class'::regclass
        and pg_depend.refobjid = '{{ existing_relation }}'::regclass
        and pg_class.oid <> pg_depend.refobjid
        and pg_class.relkind in ('v', 'm');
    for known in select * from readers where kind = 'v' order by name loop
        execute format('alter view %s owner to %s', known.name, known.owner);
    end loop;
    for known in
        select
            privilege_type,
            case when grantee = 0 then 'public' else cast(cast(grantee as regrole) as text) end as grantee
        from pg_class, aclexplode(relacl) as acl
        where oid = '{{ existing_relation }}'::regclass and grantee <> relowner
    loop
        execute format('grant %s on {{ new_relation }} to %s', known.privilege_type, known.grantee);
    end loop;
    set_aside := '{{ existing_relation.identifier }}__replaced_' || cast('{{ existing_relation }}'::regclass as oid);
    execute format('alter table {{ existing_relation }} rename to %I', set_aside);
    alter table {{ new_relation }} rename to {{ adapter.quote(target_relation.identifier) }};
    for known in select * from readers loop
        is_own := known.name in ('{{ own | join("', '") }}') or known.name like '%\_\_replaced\_%';
        begin
            if known.kind = 'v' then
                execute format('create or replace view %s %s as %s', known.name, known.options, known.definition);
            elsif not is_own then
                raise undefined_column using message = 'a materialized view keeps its query';
            end if;
        exception when syntax_error_or_access_rule_violation then
            if not is_own then
                raise exception 'view % reads {{ target_relation.identifier }}, and can''t stand on its new query (%)',
                    known.name, sqlerrm
                using hint = 'drop it, and make it again after this run';
            end if;
        end;
    end loop;
{% endmacro %}

{#- What was set aside goes once nothing reads it any more; what a query still reads goes at the end of a later run. -#}
{% macro drop_replaced() %}
    {%- if not execute or flags.WHICH not in ('build', 'run') -%}{{ return('') }}{%- endif -%}
    {%- set schemas = graph.nodes.values() | map(attribute='schema') | unique | list -%}
    begin;
    set local lock_timeout = '1s';
    do $$
    declare
        known record;
        has_dropped boolean := true;
    begin
        while has_dropped loop
            has_dropped := false;
            for known in
                select cast(cast(oid as regclass) as text) as name, case relkind when 'v' then 'view'
                    when 'm' then 'materialized view' else 'table' end as kind
                from pg_class
                where
                    relkind in ('v', 'm', 'r') and relname like '%\_\_replaced\_%'
                    and relnamespace in (select oid from pg_namespace where nspname in ('{{ schemas | join("', '") }}'))
            loop
                begin
                    execute format('drop %s %s', known.kind, known.name);
                    has_dropped := true;
                exception when dependent_objects_still_exist or lock_not_available then
                    null;
                end;
            end loop;
        end loop;
    end
    $$;
    commit;
{% endmacro %}

{#- A file of reference data is loaded in one transaction: `truncate` would keep its readers waiting for the end of it. -#}
{% macro postgres__truncate_relation(relation) %}
    {%- call statement('truncate_relation') -%}delete from {{ relation }}{%- endcall -%}
{% endmacro %}
