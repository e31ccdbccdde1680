with visible as (

    {{ visible_to_caller(ref('mv_cost_group_period'), [
        'period',
        'group_id',
        'currency',
        'total_cost',
        'estimated_cost',
        'unallocated_cost',
    ]) }}

)

select * from visible
