-- Who: what the code in the record is an alias of, else the application of that code, else the first rule that matches,
-- else UNALLOCATED: totals do not depend on the mapping. An alias comes first, or who makes it the code of an entity in
-- the catalog would take the costs.
with usage_lines as (

    select * from {{ ref('int_usage_lines') }}

),

applications as (

    select * from {{ ref('int_applications') }}

),

aliases as (

    select * from {{ source('reference', 'application_aliases') }}

),

application_rules as (

    select * from {{ source('reference', 'application_rules') }}

),

listed as (

    select
        usage_lines.*,
        coalesce(by_alias.application_id, by_code.application_id) as listed_application_id
    from usage_lines
    left join applications as by_code on upper(usage_lines.application_code) = upper(by_code.application_id)
    left join aliases as by_alias on upper(usage_lines.application_code) = upper(by_alias.alias)

),

allocated as (

    select
        listed.*,
        -- a subquery, and not a join: it costs nothing where a query does not read the column, see macros/stage.sql
        coalesce(
            listed.listed_application_id,
            (
                select rules.application_id
                from application_rules as rules
                inner join
                    finops.rule_texts(
                        listed.sub_account_id,
                        listed.sub_account_name,
                        listed.resource_id,
                        listed.resource_name,
                        listed.labels
                    ) as texts
                    on rules.field = texts.field
                where
                    finops.is_rule_of(rules.source, listed.source)
                    and listed.usage_date >= rules.valid_from
                    and (rules.valid_to is null or listed.usage_date < rules.valid_to)
                    and finops.rule_matches(rules.match_type, rules.pattern, texts.value)
                order by rules.priority, rules.rule_id
                limit 1
            ),
            'UNALLOCATED'
        ) as application_id
    from listed

)

select * from allocated -- noqa: AM04
