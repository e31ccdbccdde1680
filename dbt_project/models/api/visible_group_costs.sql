with visible as (

    {{ visible_to_caller(ref('agg_group_product_month'), [
        'period',
        'group_id',
        'domain',
        'family',
        'product_id',
        'source',
        'charge_category',
        'usage_unit',
        'usage_quantity',
        'currency',
        'total_cost',
        'estimated_cost',
        'unallocated_cost',
        'daily_cost',
    ]) }}

)

select * from visible
