select
    -- where it comes from
    source.source,
    source.run_id as extraction_run_id,
    source.window_date,
    source.record_id,
    md5(cast(source.payload as text)) as record_hash,

    -- who
    project.path_with_namespace as project_path,
    project.namespace ->> 'full_path' as namespace_path,
    attributes.attribute_application,
    attributes.attributes,
    topics.topic_application,
    topics.topics,

    -- how much, in bytes: a kind that GitLab does not count is none, one that is not a number stays unknown;
    -- storage_size is not the sum of its parts, and is not read
    finops.to_numeric(project.statistics ->> 'repository_size') as repository_bytes,
    finops.gitlab_bytes(project.statistics, 'wiki_size') as wiki_bytes,
    finops.gitlab_bytes(project.statistics, 'snippets_size') as snippets_bytes,
    finops.gitlab_bytes(project.statistics, 'uploads_size') as uploads_bytes,
    finops.gitlab_bytes(project.statistics, 'lfs_objects_size') as lfs_bytes,
    finops.gitlab_bytes(project.statistics, 'job_artifacts_size') as job_artifacts_bytes,
    finops.gitlab_bytes(project.statistics, 'pipeline_artifacts_size') as pipeline_artifacts_bytes,
    finops.gitlab_bytes(project.statistics, 'packages_size') as packages_bytes,
    finops.gitlab_bytes(project.statistics, 'container_registry_size') as registry_bytes,
    cast(project.statistics as text) as statistics_text
from {{ source('raw_native', 'gitlab_storage') }} as source
cross join
    lateral json_to_record(source.payload)
        as project (
            path_with_namespace text,
            namespace json,
            topics json,
            custom_attributes json,
            statistics json
        )
cross join
    lateral (
        select
            jsonb_object_agg(attribute.key, coalesce(attribute.value, '')) filter (where attribute.key is not null)
                as attributes,
            min(finops.trimmed(attribute.value)) filter (
                where lower(finops.trimmed(attribute.key)) = '{{ setting("gitlab_application_attribute") | lower }}'
            ) as attribute_application
        from
            json_array_elements(
                case json_typeof(project.custom_attributes) when 'array' then project.custom_attributes end
            ) as element (value)
        cross join lateral (
            select
                element.value ->> 'key' as key,
                element.value ->> 'value' as value
        ) as attribute
    ) as attributes
cross join lateral finops.gitlab_topics(project.topics, '{{ setting("gitlab_application_topic_prefix") }}') as topics
