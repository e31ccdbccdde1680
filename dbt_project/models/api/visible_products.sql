with visible as (

    {{ visible_to_caller(ref('mv_group_product'), [
        'group_id',
        'domain',
        'family',
        'product_id',
        'product_name',
        'source',
        'first_period',
        'last_period',
    ]) }}

)

select * from visible
