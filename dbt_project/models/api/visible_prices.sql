-- A group has no prices of its own: those of what it consumes, and all for who may see every group.
with caller as materialized (

    select finops_api.caller_keys() as keys

),

consumed as (

    {{ visible_to_caller(ref('mv_group_product'), ['product_id']) }}

),

prices as (

    select * from {{ ref('mv_price') }}

),

visible as (

    select
        product_id,
        product_name,
        family,
        domain,
        unit,
        unit_price,
        currency,
        valid_from,
        valid_to
    from prices
    where
        (select keys @> array['*'] from caller)
        or product_id in (select consumed.product_id from consumed)

)

select * from visible
