select
    -- where it comes from
    source.source,
    source.run_id as extraction_run_id,
    source.window_date,
    source.record_id,
    md5(cast(source.payload as text)) as record_hash,

    -- who
    source.payload #>> '{project,fullPath}' as project_path,
    -- the path without its last part
    nullif(
        left(
            source.payload #>> '{project,fullPath}',
            -strpos(reverse(source.payload #>> '{project,fullPath}'), '/')
        ),
        ''
    ) as namespace_path,
    topics.topic_application,
    topics.topics,

    -- when: the month that GitLab says, not the one that was asked for
    finops.to_date_utc(source.payload ->> 'monthIso8601') as month_date,

    -- how much
    finops.to_numeric(source.payload ->> 'minutes') as minutes,
    source.payload ->> 'minutes' as minutes_text
from {{ source('raw_native', 'gitlab_ci_minutes') }} as source
cross join
    lateral finops.gitlab_topics(
        source.payload #> '{project,topics}', '{{ setting("gitlab_application_topic_prefix") }}'
    ) as topics
