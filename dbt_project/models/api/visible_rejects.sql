with visible as (

    {{ visible_to_caller(ref('agg_rejected_month'), [
        'period',
        'application_id',
        'group_id',
        'domain',
        'family',
        'product_id',
        'source',
        'currency',
        'rejected_cost',
        'rejected_line_count',
        'unpriced_line_count',
    ]) }}

)

select * from visible
