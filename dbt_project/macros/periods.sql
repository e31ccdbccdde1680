{#- The periods that `--vars 'period: …'` asks for, as a list of ISO dates; empty when it asks for none. -#}
{% macro requested_periods() %}
    {%- set text = var('period') | string | trim -%}
    {%- if not text -%}{{ return([]) }}{%- endif -%}
    {%- set bounds = text.split('..') -%}
    {%- set month = '^\d{4}-(0[1-9]|1[0-2])$' -%}
    {%- for bound in bounds -%}
        {%- if bounds | length > 2 or not modules.re.match(month, bound) -%}
            {{ exceptions.raise_compiler_error(
                "period '" ~ text ~ "' is not a month: write YYYY-MM, or YYYY-MM..YYYY-MM for a range"
            ) }}
        {%- endif -%}
    {%- endfor -%}
    {%- set periods = run_query(
        "select cast(month as date) from generate_series(date '" ~ bounds[0] ~ "-01', date '" ~ bounds[-1]
        ~ "-01', interval '1 month') as month"
    ).columns[0].values() -%}
    {%- if not periods -%}
        {{ exceptions.raise_compiler_error("period '" ~ text ~ "' ends before it begins: write the earlier month first") }}
    {%- endif -%}
    {{ return(periods | map('string') | list) }}
{% endmacro %}
