{#-
Plan the run's scopes (finops.due_scopes), and value their usage lines in scoped_usage, for this transaction. The loader may
name some of them, as a JSON list of '<source> <first day of the month>': after a failure it publishes them in parts.
-#}
{% macro stage_usage_lines() %}
    {%- if not (execute and flags.WHICH in ('build', 'run')) -%}{{ return('') }}{%- endif -%}
    {%- set named = dbt.string_literal(dbt.escape_single_quotes(env_var('FINOPS_SCOPES', ''))) -%}
    {%- do run_query("
        select finops.hold_run('" ~ current_run_id() ~ "');
        insert into finops.etl_reconciliations (run_id, source, period, attempt)
        select '" ~ current_run_id() ~ "', due.source, due.period, 1 + (
            select count(*) from finops.etl_reconciliations as earlier
            where
                earlier.run_id = '" ~ current_run_id() ~ "' and earlier.status = 'PUBLISHED'
                and earlier.source = due.source and earlier.period = due.period
        )
        from finops.due_scopes('" ~ current_run_id() ~ "') as due
        where coalesce(cast(nullif(" ~ named ~ ", '') as jsonb) ? concat_ws(' ', due.source, due.period), true)
        on conflict (run_id, source, period, attempt) do update set status = 'PENDING', decided_at = null
    ") -%}
    {%- set pending = "select source, period, attempt from finops.etl_reconciliations where run_id = '" ~ current_run_id()
        ~ "' and status = 'PENDING'" -%}
    {%- set scopes = run_query(pending) -%}
    create temporary table open_scopes on commit drop as {{ pending }};
    analyze open_scopes;
    create temporary table scoped_lines on commit drop as
    select
        {% for column in [
            'domain', 'source', 'period', 'usage_date', 'extraction_run_id', 'window_date', 'record_id', 'record_copy',
            'application_code', 'product_id', 'family', 'charge_category', 'provider_name', 'invoice_id', 'quantity', 'unit',
            'source_cost', 'source_currency', 'total_cost', 'currency', 'billed_cost', 'list_cost', 'is_estimated',
            'estimated_reason', 'is_duplicate', 'is_measured', 'has_no_rate', 'reject_reason', 'reject_detail',
            'set_apart_reason', 'listed_application_id',
        ] -%}
            {{ column }},
        {% endfor -%}
        case
            when listed_application_id is null
                then array[sub_account_id, sub_account_name, resource_id, resource_name, cast(labels as text)]
        end as subject
    from {{ ref('int_usage_valued') }}
    where
    {%- if scopes | length == 0 %}
        false;
    {%- else %}
        {#- Literals, so that the planner knows the periods when it scans the raw tables. #}
        period in ('{{ scopes.columns['period'].values() | unique | sort | join("', '") }}')
        and source in ('{{ scopes.columns['source'].values() | unique | sort | join("', '") }}')
        and (source, period) in (select source, period from open_scopes);
    {%- endif %}
    analyze scoped_lines;
    {{ apply_rules() }}
{% endmacro %}

{#-
Find the application of the staged lines that no code or alias has one for, as int_usage_application does, but once for each
distinct text that a rule looks at, and rule by rule: PostgreSQL keeps only the last 32 regular expressions compiled.
-#}
{% macro apply_rules() %}
    create temporary table rule_answers on commit drop as
    with subject_days as (
        select distinct source, usage_date, subject
        from scoped_lines
        where subject is not null
    ),

    subject_texts as materialized (
        select subjects.source, subjects.subject, texts.field, texts.value
        from (select distinct source, subject from subject_days) as subjects
        cross join lateral finops.rule_texts(
            subject[1], subject[2], subject[3], subject[4], cast(subject[5] as jsonb)
        ) as texts
        where texts.value is not null
    ),

    texts as materialized (
        select distinct source, field, value from subject_texts
    ),

    matches as materialized (
        select matched.*, rules.application_id, rules.priority, rules.rule_id, rules.valid_from, rules.valid_to
        from {{ source('reference', 'application_rules') }} as rules
        cross join lateral (
            select source, field, value
            from texts
            where
                field = rules.field
                and finops.is_rule_of(rules.source, source)
                and finops.rule_matches(rules.match_type, rules.pattern, value)
            offset 0
        ) as matched
    ),

    subject_rules as materialized (
        select subject_texts.subject, matches.*
        from subject_texts
        inner join matches using (source, field, value)
    )

    select distinct on (source, usage_date, subject) source, usage_date, subject, application_id
    from subject_days
    inner join subject_rules using (source, subject)
    where usage_date >= valid_from and (valid_to is null or usage_date < valid_to)
    order by source, usage_date, subject, priority, rule_id;
    analyze rule_answers;
    create temporary view scoped_usage as
    select
        lines.*,
        coalesce(lines.listed_application_id, answers.application_id, 'UNALLOCATED') as application_id
    from scoped_lines as lines
    left join rule_answers as answers using (source, usage_date, subject);
{% endmacro %}
