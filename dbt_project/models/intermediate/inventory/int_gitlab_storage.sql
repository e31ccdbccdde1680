with days as (

    select * from {{ ref('int_inventory_days') }}

),

projects as (

    select * from {{ ref('stg_gitlab__storage') }}

),

capacity as (

    select
        days.domain,
        days.source,
        days.period,
        days.usage_date,
        days.is_estimated,
        projects.extraction_run_id,
        projects.window_date,
        projects.record_id,
        projects.record_hash,
        -- the first that is there, as with a bill's tags: an alias may be a project's path
        coalesce(projects.attribute_application, projects.topic_application, projects.project_path)
            as application_code,
        projects.namespace_path as sub_account_id,
        cast(null as text) as sub_account_name,
        projects.project_path as resource_id,
        cast(null as text) as resource_name,
        jsonb_strip_nulls(jsonb_build_object('topics', projects.topics, 'attributes', projects.attributes)) as labels,
        component.product_ref,
        finops.bytes_to_gib(component.bytes) as capacity,
        'GiB-month' as unit,
        projects.statistics_text as capacity_text,
        cast(null as text) as capacity_remedy,
        {{ setting('max_storage_gib') }} as max_capacity
    from days
    inner join projects
        on
            days.source = projects.source
            and days.extraction_run_id = projects.extraction_run_id
            and days.window_date = projects.window_date
    cross join lateral (
        values
        (
            'gitlab.repository_gib',
            projects.repository_bytes + projects.wiki_bytes + projects.snippets_bytes + projects.uploads_bytes
        ),
        ('gitlab.lfs_gib', projects.lfs_bytes),
        ('gitlab.artifacts_gib', projects.job_artifacts_bytes + projects.pipeline_artifacts_bytes),
        ('gitlab.packages_gib', projects.packages_bytes),
        ('gitlab.registry_gib', projects.registry_bytes)
    ) as component (product_ref, bytes)

)

select * from capacity
