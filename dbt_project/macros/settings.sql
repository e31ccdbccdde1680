{#-
A setting of the company (ingest/config/rules.py), as the last run stored it, ready to stand in a query: quotes in a text are
doubled. `--vars`, and the `vars` of a unit test, win. It is a literal in each view, so that the planner knows it; the loader
has the views made again when a setting changes. Empty while dbt parses, and in a database that no run has set up.
-#}
{% macro setting(name) %}
    {%- set given = var(name, none) -%}
    {%- if given is none and execute and adapter.get_relation(target.database, 'finops', 'etl_settings') -%}
        {%- set found = run_query("select cast(value as text) from finops.etl_settings where name = '" ~ name ~ "'").rows -%}
        {%- if not found -%}
            {{ exceptions.raise_compiler_error("setting '" ~ name ~ "' is not stored: run `finops nightly` once, then this again") }}
        {%- endif -%}
        {%- set given = fromjson(found[0][0]) if found[0][0] is string else found[0][0] -%}
    {%- endif -%}
    {{ return('' if given is none else escaped(given)) }}
{% endmacro %}

{% macro escaped(value) %}
    {%- if value is string -%}{{ return(dbt.escape_single_quotes(value)) }}
    {%- elif value is mapping -%}
        {%- set items = {} -%}
        {%- for key, item in value.items() -%}{%- do items.update({escaped(key): escaped(item)}) -%}{%- endfor -%}
        {{ return(items) }}
    {%- elif value is sequence -%}
        {%- set items = [] -%}
        {%- for item in value -%}{%- do items.append(escaped(item)) -%}{%- endfor -%}
        {{ return(items) }}
    {%- endif -%}
    {{ return(value) }}
{% endmacro %}
