with visible as (

    {{ visible_to_caller(ref('mv_cost_group_month'), [
        'period',
        'group_id',
        'domain',
        'family',
        'product_id',
        'source',
        'charge_category',
        'currency',
        'total_cost',
        'estimated_cost',
        'unallocated_cost',
        'daily_cost',
    ]) }}

)

select * from visible
