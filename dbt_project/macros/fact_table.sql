{#-
Make the fact table from its contract before the first build, so that a first build is reconciled as any other. Where the
contract has grown since, new indexes are created, and new columns are added, empty until a reprocess. Any other difference
stops the build (on_schema_change: fail): see docs/upgrading.md.
-#}
{% macro prepare_fact() %}
    {%- set node = graph.nodes['model.finops.fact_releve'] -%}
    {%- set fact = api.Relation.create(node.database, node.schema, node.alias, type='table') -%}
    {%- if adapter.get_relation(node.database, node.schema, node.alias) -%}
        {%- set known = adapter.get_columns_in_relation(fact) | map(attribute='name') | list -%}
        {%- for column in node.columns.values() if column.name not in known -%}
            {%- do run_query(
                "begin; alter table " ~ fact ~ " add column " ~ adapter.quote(column.name) ~ " " ~ column.data_type ~ "; commit;"
            ) -%}
        {%- endfor -%}
        {%- set indexed = [] -%}
        {%- for names in run_query(get_show_indexes_sql(fact)).columns['column_names'].values() -%}
            {%- do indexed.append(names.split(',') | sort) -%}
        {%- endfor -%}
        {%- for index in node.config.indexes if index.columns | sort not in indexed -%}
            {%- do run_query("begin; " ~ get_create_index_sql(fact, index) ~ "; commit;") -%}
        {%- endfor -%}
        {%- if 'estimated_cost' not in known -%}
            {%- do run_query(
                "begin; update " ~ fact ~ " set
                    charge_category = case when domain = 'public_cloud' then 'Unknown' else 'Usage' end,
                    estimated_cost = case when is_estimated then total_cost else 0 end,
                    estimated_reasons = case when is_estimated then array['MISSING_SNAPSHOT'] else '{}' end; commit;"
            ) -%}
        {%- endif -%}
        {{ return('') }}
    {%- endif -%}
    {%- set columns = [] -%}
    {%- for column in node.columns.values() -%}
        {%- set required = column.constraints | selectattr('type', 'equalto', 'not_null') | list -%}
        {%- do columns.append(adapter.quote(column.name) ~ ' ' ~ column.data_type ~ (' not null' if required else '')) -%}
    {%- endfor -%}
    {%- do run_query("begin; create table " ~ fact ~ " (" ~ columns | join(', ') ~ "); commit;") -%}
    {%- for index in node.config.indexes -%}
        {%- do run_query("begin; " ~ get_create_index_sql(fact, index) ~ "; commit;") -%}
    {%- endfor -%}
    {%- do adapter.cache_added(fact) -%}
{% endmacro %}
