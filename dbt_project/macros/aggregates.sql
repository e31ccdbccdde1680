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
    {%- if not definition_unchanged(existing_relation, new_config.model.compiled_code) -%}
        {{ return({'requires_full_refresh': true}) }}
    {%- endif -%}
    {%- set indexes = postgres__describe_materialized_view(existing_relation) -%}
    {{ return(existing_relation.get_materialized_view_config_change_collection(indexes, new_config.model)) }}
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
{% macro owned_in_month(owners, period) -%}
    {{ period }} + interval '1 month' > {{ owners }}.valid_from
    and ({{ owners }}.valid_to is null or {{ period }} + interval '1 month' <= {{ owners }}.valid_to)
{%- endmacro %}
