with visible as (

    {{ visible_to_caller(ref('agg_gap_month'), [
        'period',
        'group_id',
        'domain',
        'source',
        'reason',
        'subject',
        'amount',
        'currency',
        'line_count',
        'subject_count',
    ]) }}

)

select * from visible
