-- How much: quantity × the catalogue's price of that day, exactly; a line of a bill, or of an invoice that is declared,
-- has its own cost, and needs no price.
with usage_lines as (

    select * from {{ ref('int_usage_product') }}

),

prices as (

    select * from {{ source('reference', 'prices') }}

),

priced as (

    select
        usage_lines.*,
        prices.unit_price,
        case
            when usage_lines.has_own_cost then usage_lines.billing_currency else prices.currency
        end as source_currency,
        case
            when usage_lines.has_own_cost then usage_lines.charge_cost
            when usage_lines.product_defect is null then usage_lines.quantity * prices.unit_price
        end as source_cost,
        case
            when not usage_lines.has_own_cost and prices.unit_price is null then 'NO_PRICE'
        end as price_defect,
        case
            when not usage_lines.has_own_cost and prices.unit_price is null
                then
                    'add a price of ' || usage_lines.product_id || ' valid on ' || usage_lines.usage_date
                    || ' to the reference table prices'
        end as price_defect_detail
    from usage_lines
    left join prices
        on
            not usage_lines.has_own_cost
            and usage_lines.product_defect is distinct from 'NO_PRODUCT'
            and usage_lines.product_id = prices.product_id
            and usage_lines.usage_date >= prices.valid_from
            and (prices.valid_to is null or usage_lines.usage_date < prices.valid_to)

)

select * from priced -- noqa: AM04
