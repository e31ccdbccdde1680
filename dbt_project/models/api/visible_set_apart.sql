with visible as (

    {{ visible_to_caller(ref('agg_set_apart_month'), [
        'period',
        'application_id',
        'group_id',
        'domain',
        'family',
        'product_id',
        'source',
        'charge_category',
        'currency',
        'set_apart_cost',
    ]) }}

)

select * from visible
