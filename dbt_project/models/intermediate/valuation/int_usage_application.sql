-- Who: the code in the record, else an alias of it, else the first rule that matches, else UNALLOCATED: totals do not
-- depend on the mapping.
with usage_lines as (

    select * from {{ ref('int_usage_lines') }}

),

applications as (

    select * from {{ ref('int_applications') }}

),

aliases as (

    select * from {{ ref('application_aliases') }}

),

application_rules as (

    select * from {{ ref('application_rules') }}

),

allocated as (

    select
        usage_lines.*,
        coalesce(by_code.application_id, by_alias.application_id, by_rule.application_id, 'UNALLOCATED')
            as application_id
    from usage_lines
    left join applications as by_code on upper(usage_lines.application_code) = upper(by_code.application_id)
    left join aliases as by_alias on upper(usage_lines.application_code) = upper(by_alias.alias)
    left join lateral (
        select rules.application_id
        from application_rules as rules
        cross join
            lateral (
                select
                    case rules.field
                        when 'sub_account_id' then usage_lines.sub_account_id
                        -- a disk's machine was its sub_account_name once
                        when 'sub_account_name' then coalesce(usage_lines.sub_account_name, usage_lines.labels ->> 'vm')
                        when 'resource_id' then usage_lines.resource_id
                        when 'resource_name' then usage_lines.resource_name
                        when 'vm' then usage_lines.labels ->> 'vm'
                    end as text
                union all
                select topics.name as text
                from jsonb_array_elements_text(usage_lines.labels -> 'topics') as topics (name)
                where rules.field = 'topic'
                union all
                select concat(attributes.key, '=', attributes.value) as text
                from jsonb_each_text(usage_lines.labels -> 'attributes') as attributes
                where rules.field = 'custom_attribute'
            ) as subject
        where
            by_code.application_id is null
            and by_alias.application_id is null
            -- a rule of `gitlab` is for gitlab.storage and for gitlab.ci_minutes
            and (
                rules.source is null
                or rules.source = usage_lines.source
                or starts_with(usage_lines.source, rules.source || '.')
            )
            and usage_lines.usage_date >= rules.valid_from
            and (rules.valid_to is null or usage_lines.usage_date < rules.valid_to)
            and case rules.match_type
                when 'exact' then subject.text = rules.pattern
                when 'prefix' then starts_with(subject.text, rules.pattern)
                when 'regex' then subject.text ~ rules.pattern
            end
        order by rules.priority, rules.rule_id
        limit 1
    ) as by_rule on true

)

select * from allocated -- noqa: AM04
