{#-
The run that this invocation belongs to: the loader's, which names it, else its own, by hand. Not while dbt reads the project:
it would read again, in each run, what asked for a variable that has changed.
-#}
{% macro current_run_id() %}{{ return(env_var('FINOPS_RUN_ID', invocation_id) if execute else '') }}{% endmacro %}

{#- In a data test of relevés: those that this run published, so that it takes as long next year. `dbt test` tests them all. -#}
{% macro published_by_this_run() -%}
    {%- if flags.WHICH == 'test' -%}true
    {%- else -%}(source, period) in (
        select source, period from finops.etl_reconciliations where run_id = '{{ current_run_id() }}' and status = 'PUBLISHED'
    )
    {%- endif -%}
{%- endmacro %}

{#- Only an invocation that builds the fact is a run: not a test or a docs build. -#}
{% macro writes_fact() %}
    {{ return(execute and flags.WHICH in ('build', 'run') and 'model.finops.fact_releve' in selected_resources) }}
{% endmacro %}

{#- In a database with roles (`finops init-db`), a view of another owner than finops_transformer would stop the next nightly. -#}
{% macro require_role() %}
    {%- set query -%}
        select count(*) from pg_namespace
        where
            nspname = 'finops' and pg_get_userbyid(nspowner) = 'finops_owner' and current_user <> 'finops_transformer'
    {%- endset -%}
    {%- if run_query(query).columns[0][0] -%}
        {{ exceptions.raise_compiler_error(
            "dbt does not act as finops_transformer in database '" ~ target.database ~ "': run `finops dbt`, or set "
            ~ "PGOPTIONS='-c role=finops_transformer'"
        ) }}
    {%- endif -%}
{% endmacro %}

{#- dbt makes the schemas that are missing before its first hook, where `open_run` would say what to do. -#}
{% macro postgres__create_schema(relation) %}
    {%- set query = "select has_database_privilege(current_database(), 'create'), current_user" -%}
    {%- set may_create, user = run_query(query).rows[0].values() -%}
    {%- if not may_create -%}
        {{ exceptions.raise_compiler_error(
            "database '" ~ target.database ~ "' is not set up, and " ~ user ~ " may not create schema " ~ relation.schema
            ~ ": as an administrator, run `finops init-db`"
        ) }}
    {%- endif -%}
    {%- call statement('create_schema') -%}
        create schema if not exists {{ relation.without_identifier().include(database=False) }}
    {%- endcall -%}
{% endmacro %}

{#- Before the first model: make the fact table, and open the run of a command by hand (ingest/schema/run_functions.sql). -#}
{% macro open_run() %}
    {%- if execute and flags.WHICH in ('build', 'run') -%}{%- do require_role() -%}{%- endif -%}
    {%- if not writes_fact() -%}{{ return('') }}{%- endif -%}
    {%- if run_query("select to_regprocedure('finops.open_dbt_run(uuid, text, text)') is null").columns[0][0] -%}
        {{ exceptions.raise_compiler_error(
            "database '" ~ target.database ~ "' is not set up for this version: run `finops nightly` on it once, then this again"
        ) }}
    {%- endif -%}
    {%- do prepare_fact() -%}
    {%- if current_run_id() != invocation_id -%}{{ return('') }}{%- endif -%}
    begin;
    select finops.open_dbt_run(
        '{{ invocation_id }}', {{ dbt.string_literal(dbt.escape_single_quotes(var('period') | string)) }}, 'dbt {{ flags.WHICH }}'
    );
    commit;
{% endmacro %}

{#-
After the last model: drop what was replaced, enter what waits for a reprocess, and close the run of a command by hand.
-#}
{% macro close_run(results) %}
    {%- if not writes_fact() -%}{{ return('') }}{%- endif -%}
    {%- set fact = results | selectattr('node.unique_id', 'equalto', 'model.finops.fact_releve') | first -%}
    {%- set has_published = fact and fact.status == 'success' -%}
    {%- set failures = [] -%}
    {%- for result in results if result.status in ('error', 'fail', 'runtime error') -%}
        {%- do failures.append(result.node.name ~ ': ' ~ (result.message or result.status)) -%}
    {%- endfor -%}
    {%- if not failures and not has_published -%}{%- do failures.append('fact_releve was not built') -%}{%- endif -%}
    begin;
    set local lock_timeout = '1s';
    select finops.drop_replaced();
    commit;
    begin;
    select finops.note_outcome('{{ current_run_id() }}');
    {% if current_run_id() == invocation_id -%}
    select finops.close_dbt_run(
        '{{ invocation_id }}',
        {{ dbt.string_literal(dbt.escape_single_quotes(failures | join('; '))) if failures else 'null' }}
    );
    {%- endif %}
    commit;
{% endmacro %}
