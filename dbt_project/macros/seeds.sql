{#- A post-hook of the seeds: which file was loaded, so that a later command by hand knows whether it still is that file. -#}
{% macro note_seed() %}
    {%- if execute and load_relation(api.Relation.create(target.database, 'finops', 'etl_seeds')) -%}
    insert into finops.etl_seeds (seed, checksum, content)
    select '{{ model.name }}', '{{ model.checksum.checksum }}', finops.table_digest('{{ this }}'::regclass)
    on conflict (seed) do update set checksum = excluded.checksum, content = excluded.content
    {%- else -%}
    select 'finops.etl_seeds is made by the first nightly'
    {%- endif -%}
{% endmacro %}

{#-
A command by hand that does not load the reference data must not publish what the files no longer say. (dbt has no checksum
of the content of a file over 1 MiB, and keeps its path for one.)
-#}
{% macro refuse_stale_seeds() %}
    {%- set loaded = dict(run_query("select seed, checksum from finops.etl_seeds").rows | map('list')) -%}
    {%- set stale = [] -%}
    {%- for seed in graph.nodes.values() | selectattr('resource_type', 'equalto', 'seed')
        if seed.unique_id not in selected_resources
            and (seed.checksum.name == 'path' or loaded.get(seed.name) != seed.checksum.checksum) -%}
        {%- do stale.append(seed.name ~ '.csv') -%}
    {%- endfor -%}
    {%- if stale -%}
        {%- set period = var('period') | string | trim -%}
        {{ exceptions.raise_compiler_error(
            stale | sort | join(', ') ~ (' has' if stale | length == 1 else ' have')
            ~ " changed since the reference data was loaded: run `dbt build --select +fact_releve"
            ~ (" --vars 'period: " ~ period ~ "'" if period else "") ~ "`, which loads and checks it first"
        ) }}
    {%- endif -%}
{% endmacro %}
