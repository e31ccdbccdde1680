{% for domain in ['open_legacy', 'private_cloud', 'native'] -%}
    {{ "union all" if not loop.first }}
    select
        -- where it comes from
        source,
        run_id as extraction_run_id,
        window_date,
        record_id,
        md5(cast(payload as text)) as record_hash,

        -- what it says is for the declaration to tell
        payload
    from {{ source('raw_' ~ domain, 'declared') }}
{% endfor %}
