with visible as (

    {{ visible_to_caller(ref('mv_application_owner'), [
        'application_id',
        'group_id',
        'group_name',
        'valid_from',
        'valid_to',
    ]) }}

)

select * from visible
