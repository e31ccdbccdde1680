with visible as (

    {{ visible_to_caller(ref('owned_releves'), [
        'period',
        'application_id',
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
        'daily_cost',
    ]) }}

)

select * from visible
