-- What holds for a published (source, month) whatever its lines look up: rules, declarations, settings.
{% set settings = [
    'rules of 2026-11', setting('reporting_currency'), setting('focus_cost_column'), setting('application_tag_keys') | join(','),
    setting('snapshot_gap_days'), setting('gitlab_application_attribute'), setting('gitlab_application_topic_prefix'),
    setting('artifactory_deduplicate'), setting('cube_application_member'), setting('cube_quantity_member'),
    setting('max_vm_ram_gib'), setting('max_ram_gib_per_vcpu'), setting('max_storage_gib')
] -%}
with published as (

    select
        source,
        period,
        cast(period + interval '1 month' as date) as end_date
    from {{ source('finops', 'etl_published') }}

),

application_rules as (

    select * from {{ source('reference', 'application_rules') }}

),

declared_lines as (

    select * from {{ source('finops', 'etl_declared_lines') }}

),

tax_apart as (

    select * from {{ source('finops', 'etl_tax_apart') }}

),

cmdb_fields as (

    select value from {{ source('finops', 'etl_settings') }}
    where name = 'cmdb'

),

answers as (

    select
        published.source,
        published.period,
        cast(json_build_array(
            'rule', rules.rule_id, rules.field, rules.match_type, rules.pattern, rules.application_id, rules.priority,
            greatest(rules.valid_from, published.period), least(rules.valid_to, published.end_date)
        ) as text) as answer
    from published
    inner join application_rules as rules
        on
            finops.is_rule_of(rules.source, published.source)
            and published.end_date > rules.valid_from
            and (rules.valid_to is null or published.period < rules.valid_to)

    union all

    select
        published.source,
        published.period,
        cast(row_to_json(declared_lines) as text) as answer
    from published
    inner join declared_lines on published.source = declared_lines.source

    union all

    -- which field of the CMDB's documents is what
    select
        published.source,
        published.period,
        cast(cmdb_fields.value -> split_part(published.source, '.', 2) as text) as answer
    from published
    inner join cmdb_fields on starts_with(published.source, 'cmdb.')

    union all

    select
        published.source,
        published.period,
        cast(json_build_array('{{ settings | join(" ") | replace("'", "''") }}', tax_apart.source) as text) as answer
    from published
    left join tax_apart on published.source = tax_apart.source

)

select * from answers
