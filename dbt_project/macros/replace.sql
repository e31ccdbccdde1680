{#-
How dbt replaces a view, an aggregate and a file of reference data while people read them. The work is done by functions of
ingest/schema/replace.sql; these override dbt's own ways, which drop what is read.
-#}

{#- A view whose query is unchanged is left alone; one that keeps its columns is replaced in place; else it is swapped. -#}
{% materialization view, adapter='postgres' %}
    {%- set target_relation = this.incorporate(type='view') -%}
    {%- set existing_relation = load_cached_relation(this) -%}
    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}
    {%- call statement('main') -%}
        {%- if existing_relation is none -%}
            {{ get_create_view_as_sql(target_relation, sql) }}
        {%- elif existing_relation.is_view and has_query(existing_relation, sql) -%}
            select 'the query is unchanged'
        {%- else -%}
            {{ replace_relation(existing_relation, target_relation, sql) }}
        {%- endif -%}
    {%- endcall -%}
    {%- do persist_docs(target_relation, model) -%}
    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {{ adapter.commit() }}
    {{ run_hooks(post_hooks, inside_transaction=False) }}
    {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}

{#-
A new materialized view is made and committed beside the old one. Then a second passes: a transaction that began before the
commit does not see the new rows, and would read none at all.
-#}
{% macro postgres__get_replace_sql(existing_relation, target_relation, sql) %}
    {%- set new = make_intermediate_relation(target_relation) -%}
    {%- do run_query(
        "begin; " ~ get_create_materialized_view_as_sql(new, sql) ~ "; analyze " ~ new ~ "; commit; select pg_sleep(1)"
    ) -%}
    {{ replace_relation(existing_relation, target_relation) }}
{% endmacro %}

{#- A changed query asks for a new aggregate, as changed indexes do for new indexes. -#}
{% macro postgres__get_materialized_view_configuration_changes(existing_relation, new_config) %}
    {%- if not has_query(existing_relation, new_config.model.compiled_code) -%}
        {{ return({'requires_full_refresh': true}) }}
    {%- endif -%}
    {%- set indexes = postgres__describe_materialized_view(existing_relation) -%}
    {{ return(existing_relation.get_materialized_view_config_change_collection(indexes, new_config.model)) }}
{% endmacro %}

{% macro has_query(relation, sql) %}
    {%- set query = dbt.string_literal(dbt.escape_single_quotes(sql)) -%}
    {{ return(run_query("select finops.has_query('" ~ relation ~ "', " ~ query ~ ")").columns[0][0]) }}
{% endmacro %}

{#- Put the new relation, or for a view its query, in the place of the old one. -#}
{% macro replace_relation(existing_relation, target_relation, sql=none) %}
    {%- set own = [] -%}
    {%- for node in graph.nodes.values() if node.resource_type == 'model' -%}
        {%- do own.append(node.schema ~ '.' ~ node.alias) -%}
    {%- endfor -%}
    select finops.replace_relation(
        '{{ existing_relation }}', '{{ make_intermediate_relation(target_relation) }}', '{{ target_relation.identifier }}',
        '{ {{- own | join(",") -}} }', {{ dbt.string_literal(dbt.escape_single_quotes(sql)) if sql else 'null' }}
    )
{% endmacro %}
