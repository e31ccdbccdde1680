{#- Aggregates are refreshed together where relevés are published, never one by one: readers must not see two disagree. -#}
{% macro postgres__refresh_materialized_view(relation) %}
    select 'refreshed by finops.refresh_aggregates'
{% endmacro %}

{#- A post-hook of the fact table; names and owners are built before. -#}
{% macro refresh_aggregates() %}
    {%- for dimension in ['application', 'application_owner', 'fx_rate', 'group', 'price', 'product'] -%}
        {%- do ref('dim_' ~ dimension) -%}
    {%- endfor -%}
    select finops.refresh_aggregates('{{ current_run_id() }}')
{% endmacro %}

{#-
An aggregate in a table, of which a publication replaces the months that it changed (ingest/schema/aggregates.sql). Its query is
kept beside it, in a view of the same name in the schema `intermediate`; where it is unchanged, so is the table. A new table is
filled, committed, and put in the place of the old one, with what was published meanwhile.
-#}
{% materialization by_month, adapter='postgres' %}
    {%- set table = this.incorporate(type='table') -%}
    {%- set query = api.Relation.create(this.database, generate_schema_name('intermediate'), this.identifier, type='view') -%}
    {%- set known_table = load_cached_relation(table) -%}
    {%- set known_query = load_cached_relation(query) -%}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}
    {%- if known_table and known_query and has_query(known_query, sql) and not should_full_refresh() -%}
        {%- call statement('main') -%}select 'the query is unchanged'{%- endcall -%}
    {%- else -%}
        {%- set new = make_intermediate_relation(table) -%}
        {%- do drop_relation_if_exists(load_cached_relation(new)) -%}
        {%- set last = run_query("select last_value from finops.etl_publication").columns[0][0] -%}
        {%- do run_query("begin; create table " ~ new ~ " as " ~ sql ~ "; commit") -%}
        {%- do create_indexes(new) -%}
        {%- do run_query("analyze " ~ new ~ "; commit; select pg_sleep(1)") -%}
        {%- call statement('main') -%}
            {{ replace_relation(known_query, query, sql) if known_query else get_create_view_as_sql(query, sql) }};
            {{ replace_relation(known_table, table) if known_table else get_rename_sql(new, table.identifier) }};
            select finops.replace_months(
                '{{ table.identifier }}',
                array(select period from finops.etl_reconciliations where publication > {{ last }})
            )
        {%- endcall -%}
    {%- endif -%}
    {%- do persist_docs(table, model) -%}
    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {{ adapter.commit() }}
    {{ return({'relations': [table]}) }}
{% endmaterialization %}
