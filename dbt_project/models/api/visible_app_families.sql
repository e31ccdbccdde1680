with visible as (

    {{ visible_to_caller(ref('agg_app_family_month'), [
        'period',
        'application_id',
        'group_id',
        'domain',
        'family',
        'currency',
        'total_cost',
        'estimated_cost',
    ]) }}

)

select * from visible
