with visible as (

    {{ seen_by_the_caller(ref('mv_cost_group_period'), [
        'period',
        'group_id',
        'currency',
        'total_cost',
        'estimated_cost',
    ]) }}

)

select * from visible
