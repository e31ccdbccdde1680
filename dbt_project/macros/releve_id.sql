{#- A relevé's identity is its grain, so that a reprocess gives it the same id. A JSON array keeps a null and a '' apart. -#}
{% macro releve_id() -%}
    cast(md5(cast(json_build_array(
        period, source, application_id, product_id, family, charge_category, unit, source_currency
    ) as text)) as uuid)
{%- endmacro %}
