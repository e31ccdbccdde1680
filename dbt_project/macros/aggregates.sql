{#- The aggregates are refreshed together at the end of a run (below), never one by one: readers must not see two disagree. -#}
{% macro postgres__refresh_materialized_view(relation) %}
    select 'refreshed by refresh_aggregates at the end of the run'
{% endmacro %}

{% macro refresh_aggregates() %}
    begin;
    select finops.hold_run('{{ current_run_id() }}');
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
