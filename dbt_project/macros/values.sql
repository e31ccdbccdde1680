{#- A text without the blanks around it, tabs and no-break spaces included; one that is all blank is null. -#}
{% macro trimmed(text) -%}
    nullif(btrim({{ text }}, e' \t\r\n\u00a0'), '')
{%- endmacro %}

{#- Text of a JSON scalar, or of a BSON value in Extended JSON ({"$numberDecimal": "4.50"}); '' and blanks are null. -#}
{% macro scalar_text(field) -%}
    {{ trimmed(
        "coalesce(" ~ field ~ " ->> '$numberDecimal', " ~ field ~ " ->> '$numberLong', " ~ field
        ~ " ->> '$numberInt', " ~ field ~ " ->> '$numberDouble', " ~ field ~ " #>> '{}')"
    ) }}
{%- endmacro %}

{#- An exact numeric, or null where the text is no finite number: the caller turns null into a reject. -#}
{% macro to_numeric(text) -%}
    case
        when {{ text }} ~ '^[ \t\r\n]*[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?0*[0-9]{1,2})?[ \t\r\n]*$'
            then cast({{ text }} as numeric)
    end
{%- endmacro %}

{#- An instant in UTC, or null where the text is no timestamp; no zone means UTC, as FOCUS and OpenStack have it. -#}
{% macro to_utc(text) -%}
    case
        when pg_input_is_valid({{ text }}, 'timestamptz') and {{ text }} ~ '(Z|[+-]\d{2}:?(\d{2})?)$'
            and {{ text }} ~ ':'
            then cast({{ text }} as timestamptz)
        when pg_input_is_valid({{ text }}, 'timestamp')
            then cast({{ text }} as timestamp) at time zone 'UTC'
    end
{%- endmacro %}

{#- Bytes to GiB without rounding: 2^-30 has 30 decimals. -#}
{% macro bytes_to_gib(bytes) -%}
    ({{ bytes }} * 0.000000000931322574615478515625)
{%- endmacro %}
