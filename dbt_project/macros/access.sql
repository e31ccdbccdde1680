{#-
Who sees what, in PostgreSQL: the API says in each transaction, by the setting `finops.groups`, which groups its caller
may see: `*` for all of them, else a JSON array of group ids. Not said, or said empty: no row.

Two branches, because an `or` would keep a caller of few groups from their index; the one that does not hold is not read.
-#}
{% macro visible_to_caller(aggregate, columns) -%}
    {%- set listed = columns | join(', ') -%}
    select {{ listed }} from {{ aggregate }}
    where current_setting('finops.groups', true) = '*'
    union all
    select {{ listed }} from {{ aggregate }}
    where
        group_id = any(array(
            select jsonb_array_elements_text(
                cast(nullif(nullif(current_setting('finops.groups', true), ''), '*') as jsonb)
            )
        ))
{%- endmacro %}
