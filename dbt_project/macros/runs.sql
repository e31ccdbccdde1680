{#- A nightly or a reprocess opens its run itself and names it here; by hand, dbt's invocation is the run. -#}
{% macro current_run_id() %}{{ return(env_var('FINOPS_RUN_ID', invocation_id)) }}{% endmacro %}

{% macro is_own_run() %}{{ return(env_var('FINOPS_RUN_ID', '') == '') }}{% endmacro %}

{#- Only what writes the fact is a run: not a test, a docs build or a seed alone. -#}
{% macro writes_fact() %}
    {{ return(execute and flags.WHICH in ('build', 'run') and 'model.finops.fact_releve' in selected_resources) }}
{% endmacro %}

{#- The lock that every run holds while it writes: see ingest/pipeline/runs.py, which takes the same number. -#}
{% macro lock_number() %}{{ return(7061746) }}{% endmacro %}

{#-
Opens the run of a dbt invocation made by hand. dbt gives each hook and model a connection of its own, so a session
lock can't span them: the lock is looked at here, and held by the transactions that write (publish, refresh).
-#}
{% macro open_run() %}
    {%- if not writes_fact() -%}{{ return('') }}{%- endif -%}
    {%- if not adapter.get_relation(target.database, 'finops', 'etl_schema') -%}
        {{ exceptions.raise_compiler_error(
            "database '" ~ target.database ~ "' is not set up for this version: run `finops nightly` on it once, then this again"
        ) }}
    {%- endif -%}
    {%- if var('fx_missing') not in ['reject', 'latest'] -%}
        {{ exceptions.raise_compiler_error("fx_missing '" ~ var('fx_missing') ~ "' is not known: write reject or latest") }}
    {%- endif -%}
    {%- do prepare_fact() -%}
    {%- if not is_own_run() -%}{{ return('') }}{%- endif -%}
    {%- do refuse_stale_seeds() -%}
    {%- if not run_query("select pg_try_advisory_xact_lock(" ~ lock_number() ~ ")").columns[0][0] -%}
        {%- set holder = run_query(
            "select kind || ' ' || run_id || ', started ' || start_time || ' by ' || started_by
            from finops.etl_runs where status = 'RUNNING' order by start_time desc limit 1"
        ) -%}
        {{ exceptions.raise_compiler_error(
            "another run is writing (" ~ (holder.columns[0][0] if holder | length else "unknown")
            ~ "): wait until it ends, then run this again"
        ) }}
    {%- endif -%}
    {%- set periods = requested_periods() -%}
    begin;
    select finops.fail_dead_runs('{{ invocation_id }}');
    insert into finops.etl_runs (run_id, kind, periods, as_of, accepts_changes, reason, started_by)
    values (
        '{{ invocation_id }}', 'adhoc', array[{{ "'" ~ periods | join("', '") ~ "'" if periods }}]::date[],
        cast(now() at time zone 'UTC' as date), {{ 'true' if periods else 'false' }}, 'dbt {{ flags.WHICH }}', current_user
    );
    insert into finops.etl_steps (run_id, step) values ('{{ invocation_id }}', 'consolidate');
    commit;
{% endmacro %}

{#-
What the run changed, by month; and which published scopes stand on reference data that has changed since, and wait until
somebody reprocesses them.
-#}
{% macro note_outcome() %}
    {%- if not writes_fact() -%}{{ return('') }}{%- endif -%}
    begin;
    update finops.etl_runs as runs
    set waiting_scopes = array(
        select scopes.source || ' ' || to_char(scopes.period, 'YYYY-MM')
        from {{ api.Relation.create(target.database, generate_schema_name('intermediate'), 'int_scopes') }} as scopes
        where scopes.has_new_reference and scopes.period <> all(finops.open_periods(runs.as_of))
        order by scopes.source, scopes.period
    )
    where run_id = '{{ current_run_id() }}';
    update finops.etl_runs
    set changes = coalesce((
        select jsonb_object_agg(changed.month, changed.difference)
        from (
            select
                to_char(period, 'YYYY-MM') as month,
                cast(trim_scale(sum(cost_after - coalesce(cost_before, 0))) as text) as difference
            from finops.etl_reconciliations
            where run_id = '{{ current_run_id() }}' and status = 'PUBLISHED'
            group by period
            having sum(cost_after - coalesce(cost_before, 0)) <> 0
        ) as changed
    ), '{}')
    where run_id = '{{ current_run_id() }}';
    commit;
{% endmacro %}

{% macro close_run(results) %}
    {%- if not (writes_fact() and is_own_run()) -%}{{ return('') }}{%- endif -%}
    {%- set failures = [] -%}
    {%- for result in results if result.status in ('error', 'fail', 'runtime error') -%}
        {%- do failures.append(result.node.name ~ ': ' ~ (result.message or result.status)) -%}
    {%- endfor -%}
    {%- set fact = results | selectattr('node.unique_id', 'equalto', 'model.finops.fact_releve') | first -%}
    {%- if not failures and (not fact or fact.status != 'success') -%}
        {%- do failures.append('fact_releve was not built') -%}
    {%- endif -%}
    {%- set status = 'FAILED' if failures else 'SUCCESS' -%}
    begin;
    update finops.etl_steps
    set status = '{{ status }}', end_time = clock_timestamp(), row_count = (
        select sum(lines_released)
        from finops.etl_reconciliations
        where run_id = '{{ invocation_id }}'
    )
    where run_id = '{{ invocation_id }}' and step = 'consolidate';
    update finops.etl_runs
    set
        status = '{{ status }}',
        end_time = clock_timestamp(),
        periods = case
            when periods = '{}' then array(
                select distinct period
                from finops.etl_reconciliations
                where run_id = '{{ invocation_id }}'
                order by period
            )
            else periods
        end,
        error = {{ dbt.string_literal(dbt.escape_single_quotes(failures | join('; '))) if failures else 'null' }},
        volume_processed = coalesce((
            select sum(records_landed)
            from finops.etl_reconciliations
            where run_id = '{{ invocation_id }}' and status = 'PUBLISHED'
        ), 0)
    where run_id = '{{ invocation_id }}' and status = 'RUNNING';
    commit;
{% endmacro %}
