with visible as (

    {{ visible_to_caller(ref('mv_application'), [
        'application_id',
        'application_name',
        'group_id',
        'group_name',
        'first_period',
        'last_period',
    ]) }}

)

select * from visible
