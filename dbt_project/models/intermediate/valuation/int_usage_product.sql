-- What: the record's product, or the catalogue's for a bill's SKU or service. A bill without a mapping is not rejected:
-- its provider and service make a product; a tax, or another charge without a service, is one of its own.
{% set id_of_names -%}
    finops.name_slug(coalesce(mapped.provider_name, 'unknown')) || '.'
    || finops.name_slug(coalesce(mapped.service_name, lower(nullif(mapped.charge_category, 'Usage')), 'unknown'))
{%- endset -%}
with usage_lines as (

    select * from {{ ref('int_usage_application') }}

),

products as (

    select * from {{ source('reference', 'products') }}

),

product_mappings as (

    select * from {{ source('reference', 'product_mappings') }}

),

mapped as (

    select
        usage_lines.*,
        coalesce(usage_lines.product_ref, by_sku.product_id, by_service.product_id) as catalogue_ref
    from usage_lines
    left join product_mappings as by_sku
        on usage_lines.provider_name = by_sku.provider_name and usage_lines.sku_id = by_sku.sku_id
    left join product_mappings as by_service
        on
            usage_lines.provider_name = by_service.provider_name
            and usage_lines.service_name = by_service.service_name
            and by_service.sku_id is null

),

catalogued as (

    select
        mapped.*,
        case
            when products.product_id is not null or not mapped.is_billed then mapped.catalogue_ref
            -- two names that are long, but not too long, may make an id that is
            when octet_length(concat(mapped.provider_name, mapped.service_name, mapped.charge_category)) > 200
                then finops.bounded({{ id_of_names }})
            else {{ id_of_names }}
        end as product_id,
        case
            when products.product_id is not null then products.family
            when mapped.is_billed
                then coalesce(mapped.service_category, nullif(mapped.charge_category, 'Usage'), 'Other')
        end as family,
        case
            when mapped.is_billed then null
            when products.product_id is null then 'NO_PRODUCT'
            when coalesce(mapped.unit, '') <> coalesce(products.unit, '') then 'UNIT_MISMATCH'
        end as product_defect,
        case
            when mapped.is_billed then null
            when products.product_id is null
                then 'add ' || coalesce(mapped.product_ref, 'this product') || ' to the reference table products'
            when coalesce(mapped.unit, '') <> coalesce(products.unit, '')
                then
                    'usage in ' || coalesce(mapped.unit, 'no unit') || ', catalogue in '
                    || coalesce(products.unit, 'no unit')
        end as product_defect_detail
    from mapped
    left join products on mapped.catalogue_ref = products.product_id

)

select * from catalogued -- noqa: AM04
