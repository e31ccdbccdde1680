with visible as (

    {{ visible_to_caller(ref('mv_cost_app_month'), [
        'period',
        'application_id',
        'group_id',
        'currency',
        'total_cost',
        'estimated_cost',
    ]) }}

)

select * from visible
