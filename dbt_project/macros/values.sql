{#- A text without the blanks around it, tabs and no-break spaces included; one that is all blank is null. -#}
{% macro trimmed(text) -%}
    nullif(btrim({{ text }}, e' \t\r\n\u00a0'), '')
{%- endmacro %}

{#-
Text of a JSON scalar, or of a BSON value in Extended JSON ({"$numberDecimal": "4.50"}, {"$date": …}); '' and blanks are
null.
-#}
{% macro scalar_text(field) -%}
    {{ trimmed(
        "case when json_typeof(" ~ field ~ ") = 'object' then coalesce(" ~ field ~ " ->> '$numberDecimal', "
        ~ field ~ " ->> '$numberLong', " ~ field ~ " ->> '$numberInt', " ~ field ~ " ->> '$numberDouble', "
        ~ field ~ " #>> '{$date,$numberLong}', " ~ field ~ " ->> '$date', " ~ field ~ " #>> '{}') else "
        ~ field ~ " #>> '{}' end"
    ) }}
{%- endmacro %}

{#- Text of the first of these fields that says anything: what a CMDB calls one thing has several names. -#}
{% macro first_text(fields) -%}
    coalesce(
        {%- for field in fields %}
        {{ scalar_text(field) }}{{ "," if not loop.last }}
        {%- endfor %}
    )
{%- endmacro %}

{#-
An exact numeric, or null where the text is not a finite number: the caller turns null into a reject. Past 131072 digits a
cast is an error, which would stop every source: nothing that is real has a thousand.
-#}
{% macro to_numeric(text) -%}
    case
        when {{ text }} ~ '^[ \t\r\n]*[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?0*[0-9]{1,3})?[ \t\r\n]*$'
            and char_length({{ text }}) <= 1000
            then cast({{ text }} as numeric)
    end
{%- endmacro %}

{#- A number of vCPU, "4" or "4 vCPUs", or null where the text is neither. -#}
{% macro to_count(text) -%}
    coalesce(
        {{ to_numeric(text) }},
        {{ to_numeric("regexp_replace(" ~ text ~ ", '[ \\t\\u00a0]*v?cpus?$', '', 'i')") }}
    )
{%- endmacro %}

{#-
GiB without rounding, or null where the text is not a size. A bare number is GiB; a unit is binary, however spelt: a
CMDB says GB, or Go, and means GiB. What comes before the unit has to be a number: "1,024 MB" is none.
-#}
{% macro to_gib(text) -%}
    coalesce(
        {{ to_numeric(text) }},
        {{ to_numeric("regexp_replace(" ~ text ~ ", '[ \\t\\u00a0]*[kmgtp](i?[bo])?$', '', 'i')") }}
        * case lower(substring({{ text }} from '([A-Za-z])[A-Za-z]*$'))
            when 'k' then 0.00000095367431640625
            when 'm' then 0.0009765625
            when 'g' then 1
            when 't' then 1024
            when 'p' then 1048576
        end
    )
{%- endmacro %}

{#- An instant in UTC, or null where the text is not a timestamp; no zone means UTC, as FOCUS and OpenStack have it. -#}
{% macro to_utc(text) -%}
    case
        when pg_input_is_valid({{ text }}, 'timestamptz') and {{ text }} ~ '(Z|[+-]\d{2}:?(\d{2})?)$'
            and {{ text }} ~ ':'
            then cast({{ text }} as timestamptz)
        when pg_input_is_valid({{ text }}, 'timestamp')
            then cast({{ text }} as timestamp) at time zone 'UTC'
    end
{%- endmacro %}

{#-
A UTC day, or null where the text is not a date: ISO with or without a zone, day/month/year, milliseconds since 1970. A
year up to 1970 (0001, 1900, the epoch itself) is how a system writes that it has no date: null as well.
-#}
{% macro to_date_utc(text) -%}
    {%- set iso = "regexp_replace(" ~ text ~ ", '^([0-9]{1,2})/([0-9]{1,2})/([0-9]{4})', '\\3-\\2-\\1')" -%}
    {%- set iso_date = "^[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}" -%}
    {%- set iso_time = "[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]+)?)?(Z|[+-][0-9]{2}(:?[0-9]{2})?)?" -%}
    nullif(
        greatest(
            case
                when {{ text }} ~ '^[0-9]{12,13}([.]0*)?$'
                    then date '1970-01-01' + cast(div(cast({{ text }} as numeric), 86400000) as integer)
                when {{ iso }} ~ '{{ iso_date }}({{ iso_time }})?$'
                    then cast({{ to_utc(iso) }} at time zone 'UTC' as date)
            end,
            date '1970-12-31'
        ),
        date '1970-12-31'
    )
{%- endmacro %}

{#- A CMDB record's capacity on the day of its snapshot: nothing any more where it was taken out of service. -#}
{% macro in_service(record, capacity) -%}
    case
        when {{ record }}.status in ('decommissioned', 'retired', 'deleted', 'terminated') then 0
        when {{ record }}.decommission_date <= {{ record }}.window_date then 0
        else {{ capacity }}
    end
{%- endmacro %}

{#-
A reference of Backstage's, [kind:][namespace/]name, in full and in lower case: what it leaves out follows from where it
stands. https://backstage.io/docs/features/software-catalog/references
-#}
{% macro entity_ref(text, kind, namespace) -%}
    lower(
        coalesce(substring({{ text }} from '^([^:/]+):'), '{{ kind }}') || ':'
        || coalesce(substring({{ text }} from '^(?:[^:/]+:)?([^:/]+)/'), {{ namespace }}) || '/'
        || regexp_replace({{ text }}, '^.*[:/]', '')
    )
{%- endmacro %}

{#- The id of a group by its reference: as short as Backstage shows it, a user's whole. -#}
{% macro group_of(ref) -%}
    regexp_replace({{ ref }}, '^group:(default/)?', '')
{%- endmacro %}

{#- Bytes to GiB without rounding: 2^-30 has 30 decimals. -#}
{% macro bytes_to_gib(bytes) -%}
    ({{ bytes }} * 0.000000000931322574615478515625)
{%- endmacro %}

{#-
GiB of a size as Artifactory writes it ("59.77 GB", "1,024.5 MB", "0 bytes", "32.22 GB (15.77%)"), or null: a size without
its unit is none.
-#}
{% macro artifactory_gib(text) -%}
    {%- set size = "regexp_replace(replace(" ~ text ~ ", ',', ''), ' *([(].*)?$', '')" -%}
    case
        when {{ size }} ~* '[0-9] *bytes$'
            then {{ bytes_to_gib(to_numeric("regexp_replace(" ~ size ~ ", ' *bytes$', '', 'i')")) }}
        when {{ size }} ~* '[0-9] *[kmgtp]b$' then {{ to_gib(size) }}
    end
{%- endmacro %}

{#- The namespace of a project: its path without the last part. -#}
{% macro gitlab_namespace(path) -%}
    nullif(regexp_replace({{ path }}, '/?[^/]*$', ''), '')
{%- endmacro %}

{#-
The topics of a project, which GitLab gives as a JSON list: their names in order, null where there are none; and the
application that one names behind the prefix of gitlab_application_topic_prefix, the first in the alphabet, in lower case.
-#}
{% macro gitlab_topics(topics) -%}
    {%- set prefix = var('gitlab_application_topic_prefix') | lower -%}
    select
        jsonb_agg(topic.name order by lower(topic.name) collate "C") as topics,
        {% if prefix -%}
        min({{ trimmed("substring(lower(topic.name) from " ~ (prefix | length + 1) ~ ")") }} collate "C")
            filter (where starts_with(lower(topic.name), '{{ prefix }}')) as topic_application
        {%- else -%}
        cast(null as text) as topic_application
        {%- endif %}
    from json_array_elements_text(
        case json_typeof({{ topics }}) when 'array' then {{ topics }} end
    ) as topic (name)
{%- endmacro %}

{#-
What a day takes of a meter that only knows a longer window: the same each day, rounded to 12 decimals (the division
carried to 20 first), and the last day what is left, so that they sum up to the meter.
-#}
{% macro day_share(quantity, day_number, day_count) -%}
    {%- set share -%}
        round(round({{ quantity }} * 1.00000000000000000000 / {{ day_count }}, 20), 12)
    {%- endset -%}
    case
        when {{ day_count }} = 1 then {{ quantity }}
        when {{ day_number }} = {{ day_count }} then {{ quantity }} - {{ share }} * ({{ day_count }} - 1)
        else {{ share }}
    end
{%- endmacro %}

{#-
A provider's or service's name as a part of a product's id: in lower case, words joined by a dash, letters of any script
kept. Where that loses more than case, as a slash would, a few digits of the whole name keep two names apart.
-#}
{% macro name_slug(name) -%}
    trim(both '-' from lower(regexp_replace({{ name }}, '[\x01-\x2f\x3a-\x40\x5b-\x60\x7b-\x7f]+', '-', 'g') collate "C"))
    || case
        when {{ name }} ~ '^[^\x01-\x2f\x3a-\x40\x5b-\x60\x7b-\x7f]+( [^\x01-\x2f\x3a-\x40\x5b-\x60\x7b-\x7f]+)*$'
            then ''
        else '~' || left(md5({{ name }}), 8)
    end
{%- endmacro %}

{#-
A quotient for reading, with at least 12 decimals and at least 12 significant digits, however large or small it is; null of
a zero divisor.
-#}
{% macro quotient(amount, divisor) -%}
    (
        select
            round(
                exact.quotient,
                case
                    when abs(exact.quotient) < 1 and exact.quotient <> 0
                        then cast(11 - floor(log(abs(exact.quotient))) as integer)
                    else 12
                end
            )
        from (select {{ amount }} * 1.000000000000000000000000 / nullif({{ divisor }}, 0) as quotient) as exact
    )
{%- endmacro %}
