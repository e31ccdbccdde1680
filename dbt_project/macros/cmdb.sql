{#-
What a document of the CMDB says, by the mapping of its fields (the setting `cmdb`: ingest/config/cmdb.py), for a model that
selects from a raw table `as source`. `document` has a column for each value; for a size also its unit, and the remedy where
it has none; for the status, whether it means out of service; and in `paths`, the path that gave each value.

In Jinja's own words, none of them dbt's: `finops sources sample` renders this too (ingest/reports/sample.py).
-#}
{% macro cmdb_document(kind, mapping) -%}
{%- if mapping -%}
{%- set found, columns, nested, below = [], [], [], [] -%}
{%- for places in mapping[kind].values() -%}
    {%- for place in places if place.path | length > 1 -%}{%- do nested.append(place.path[0]) -%}{%- endfor -%}
{%- endfor -%}
{%- for name, places in mapping[kind].items() -%}
    {%- for place in places -%}
        {%- set key = place.path[0] -%}
        {%- set field = 'fields."' ~ key | replace("''", "'") | replace('"', '""') ~ '"' -%}
        {%- set column = field.removeprefix('fields.') ~ (' json' if key in nested else ' text') -%}
        {%- if key.encode() | length > 63 -%}{#- more than a column's name may have -#}
            {%- set field = 'cast(source.payload -' ~ ('>' if key in nested else '>>') ~ " '" ~ key ~ "' as " ~ ('json' if key in nested else 'text') ~ ')' -%}
        {%- elif column not in columns -%}
            {%- do columns.append(column) -%}
        {%- endif -%}
        {%- if key in nested -%}
            {%- do below.append(
                'finops.path_text(' ~ field ~ ", array['" ~ place.path[1:] | join("', '") ~ "']) as "
                if place.path | length > 1 else field ~ " #>> '{}' as "
            ) -%}
            {%- set field = 'below.text_' ~ below | length -%}
        {%- endif -%}
        {%- do found.append('finops.field_text(' ~ field ~ ') as ' ~ name ~ '_' ~ loop.index) -%}
    {%- endfor -%}
{%- endfor -%}
cross join lateral (
    select
        {{ found | join(',\n        ') }}
    from
        json_to_record(source.payload)
            as fields (
                {{ columns | join(',\n                ') }}
            )
    {%- if below %}
    cross join lateral (
        select
            {% for text in below %}{{ text }}text_{{ loop.index }}{{ ',\n            ' if not loop.last }}{% endfor %}
        offset 0 -- noqa: AM09
    ) as below
    {%- endif %}
    -- so that each is worked out once, though what reads it reads it several times
    offset 0 -- noqa: AM09
) as found
cross join lateral (
    select
        {%- for name, places in mapping[kind].items() %}
        {%- if name == 'status' %}
        {{ cmdb_choice(name, places, 'value') }} as {{ name }},
        {%- else %}
        coalesce({% for place in places %}found.{{ name }}_{{ loop.index }}{{ ', ' if not loop.last }}{% endfor %}) as {{ name }},
        {%- endif %}
        {%- if places[0].unit is defined %}
        {{ cmdb_choice(name, places, 'unit') }} as {{ name }}_unit,
        {{ cmdb_choice(name, places, 'remedy', kind) }} as {{ name }}_remedy,
        {%- endif %}
        {%- endfor %}
        coalesce({{ cmdb_choice('status', mapping[kind].status, 'is_gone') }}, false) as is_gone,
        jsonb_strip_nulls(jsonb_build_object(
            {%- for name, places in mapping[kind].items() %}
            '{{ name }}', {{ cmdb_choice(name, places, 'path') }}{{ ',' if not loop.last }}
            {%- endfor %}
        )) as paths
) as document
{%- endif -%}
{%- endmacro %}

{#-
Of the first place that holds a value: the value, its unit, its path or the remedy. Of a status, a field that says out of
service comes before those that say something else.
-#}
{% macro cmdb_choice(name, places, what, kind='') -%}
case
    {%- for is_gone in [true, false] %}
    {%- for place in places if not is_gone or place.states %}
    {%- set column = 'found.' ~ name ~ '_' ~ (places.index(place) + 1) -%}
    {%- set path = place.path | join('.') %}
    {%- if path.split('.') | length > place.path | length -%}
        {%- set path = "[''" ~ place.path | join("'', ''") ~ "'']" -%}
    {%- elif what == 'remedy' -%}
        {%- set path = "''" ~ path ~ "''" -%}
    {%- endif %}
            when {{ 'lower(' ~ column ~ ") in ('" ~ place.states | join("', '") ~ "')" if is_gone else column ~ ' is not null' }}
                then {% if what == 'value' %}{{ column }}
                {%- elif what == 'is_gone' %}{{ is_gone | lower }}
                {%- elif what == 'path' %}'{{ path }}'
                {%- elif what == 'unit' %}{{ "'" ~ place.unit ~ "'" if place.unit else 'cast(null as text)' }}
                {%- elif place.unit %}cast(null as text)
                {%- else %}'has no unit: set sources.cmdb.fields.{{ kind }}.{{ name }} = {path = {{ path }}, unit = ''MB''}'
                {%- endif %}
    {%- endfor %}
    {%- endfor %}
        end
{%- endmacro %}
