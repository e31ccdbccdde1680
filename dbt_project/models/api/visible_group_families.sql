with visible as (

    {{ visible_to_caller(ref('mv_group_family_month'), [
        'period',
        'group_id',
        'domain',
        'family',
        'source',
        'currency',
        'total_cost',
        'estimated_cost',
        'unallocated_cost',
    ]) }}

)

select * from visible
