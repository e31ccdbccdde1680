{#-
Who sees what, in PostgreSQL: the rows of an aggregate whose group is one of the caller's (ingest/schema/access.sql), or
stands below one in the tree of groups. A group that the tree does not know yet is itself.

Two branches, because an `or` would keep a caller of few groups from their index; the one that does not hold is not read.
The caller is looked at once.
-#}
{% macro visible_to_caller(aggregate, columns) -%}
    {%- set listed = columns | join(', ') -%}
    with caller as materialized (
        select finops_api.caller_keys() as keys
    )

    select {{ listed }} from {{ aggregate }}
    where (select keys @> array['*'] from caller)
    union all
    select {{ listed }} from {{ aggregate }}
    where
        (select not keys @> array['*'] from caller)
        and group_id = any(array(
            select tree.group_id from {{ ref('mv_group_tree') }} as tree
            where tree.ancestor_key = any(cast((select keys from caller) as text []))
            union all
            select unnest(keys) from caller
        ))
{%- endmacro %}
