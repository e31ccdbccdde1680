-- What the reference data says today of all that a published (source, month) looked up in it, as a digest: it changes
-- when one of the answers does, and not when some other application, product or month is added.
{% set settings = [
    'rules of 2026-11', var('reporting_currency'), var('focus_cost_column'), var('application_tag_keys') | join(','),
    var('snapshot_gap_days'), var('gitlab_application_attribute'), var('gitlab_application_topic_prefix'),
    var('artifactory_deduplicate'), var('cube_application_member'), var('cube_quantity_member'),
    var('max_vm_ram_gib'), var('max_ram_gib_per_vcpu'), var('max_storage_gib')
] -%}
with published as (

    select
        source,
        period,
        cast(period + interval '1 month' as date) as end_date
    from {{ source('finops', 'etl_published') }}

),

lookups as (

    select * from {{ source('finops', 'etl_scope_lookups') }}

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

products as (

    select * from {{ ref('products') }}

),

product_mappings as (

    select * from {{ ref('product_mappings') }}

),

prices as (

    select * from {{ ref('prices') }}

),

rates as (

    select * from {{ ref('int_fx_rates') }}

),

declared_lines as (

    select * from {{ source('finops', 'etl_declared_lines') }}

),

tax_apart as (

    select * from {{ source('finops', 'etl_tax_apart') }}

),

answers as (

    select
        lookups.source,
        lookups.period,
        cast(json_build_array(
            'application', lookups.key, coalesce(applications.application_id, aliases.application_id)
        ) as text) as answer
    from lookups
    left join applications on lookups.key = upper(applications.application_id)
    left join aliases on lookups.key = upper(aliases.alias)
    where lookups.kind = 'application'

    union all

    select
        lookups.source,
        lookups.period,
        cast(json_build_array('product', products.product_id, products.family, products.unit) as text) as answer
    from lookups
    inner join products on lookups.key = products.product_id
    where lookups.kind = 'product'

    union all

    -- of a price, what holds in the month: when it ends later changes nothing here
    select
        published.source,
        published.period,
        cast(json_build_array(
            'price', prices.product_id, trim_scale(prices.unit_price), prices.currency,
            greatest(prices.valid_from, published.period), least(prices.valid_to, published.end_date)
        ) as text) as answer
    from published
    inner join lookups on published.source = lookups.source and published.period = lookups.period
    inner join prices on lookups.key = prices.product_id
    where
        lookups.kind = 'product'
        and prices.valid_from < published.end_date
        and (prices.valid_to is null or prices.valid_to > published.period)

    union all

    select
        lookups.source,
        lookups.period,
        cast(json_build_array(
            'mapping', product_mappings.provider_name, product_mappings.sku_id, product_mappings.service_name,
            product_mappings.product_id, products.family
        ) as text) as answer
    from lookups
    inner join product_mappings on lookups.key = product_mappings.provider_name
    left join products on product_mappings.product_id = products.product_id
    where lookups.kind = 'provider'

    union all

    select
        lookups.source,
        lookups.period,
        cast(json_build_array('rate', rates.from_currency, trim_scale(rates.rate), rates.is_assumed) as text) as answer
    from lookups
    inner join rates on lookups.key = rates.from_currency and lookups.period = rates.period
    where lookups.kind = 'currency'

    union all

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
            (
                rules.source is null
                or published.source = rules.source
                or starts_with(published.source, rules.source || '.')
            )
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

    select
        published.source,
        published.period,
        cast(json_build_array('{{ settings | join(" ") | replace("'", "''") }}', tax_apart.source) as text) as answer
    from published
    left join tax_apart on published.source = tax_apart.source

),

digests as (

    select
        source,
        period,
        md5(string_agg(answer, e'\n' order by answer collate "C")) as reference_digest
    from answers
    group by source, period

)

select * from digests
