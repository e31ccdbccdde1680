with visible as (

    {{ visible_to_caller(ref('mv_group'), [
        'group_key',
        'group_id',
        'group_name',
        'parent_group_id',
    ]) }}

)

select * from visible
