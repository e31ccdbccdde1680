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

{#-
A post-hook of the views. A security barrier keeps the functions of a query from seeing a row before the view does; it is
set where it is missing, since setting it waits for whoever reads the view. (The schema is granted in ingest/schema:
once, since two grants on it at a time fail.)
-#}
{% macro grant_to_api() %}
    {%- if not execute -%}{{ return('') }}{%- endif -%}
    do $$
    begin
        if not exists (
            select from pg_class where oid = '{{ this }}'::regclass and 'security_barrier=true' = any(reloptions)
        ) then
            alter view {{ this }} set (security_barrier = true);
        end if;
        if exists (select from pg_roles where rolname = 'finops_api') then
            grant select on {{ this }} to finops_api;
        end if;
    end
    $$;
{% endmacro %}
