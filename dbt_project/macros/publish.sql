{#-
How relevés are replaced, in one transaction for all scopes of a run; a scope is one source and one month:

1. stage_usage_lines (macros/stage.sql), a pre-hook, values the usage lines of the run's scopes once, in a temporary table;
2. fact_releve's own query adds them up to relevés, in dbt's temporary table;
3. replace_scope, the incremental strategy, enters the figures of each scope in finops.etl_reconciliations, takes the decision
   of int_scope_decisions, and replaces the relevés and rejects of the scopes that are PUBLISHED. The others stay as they were.
-#}

{% macro get_incremental_replace_scope_sql(arguments) %}
    {%- set fact = arguments['target_relation'] -%}
    {%- set releves = arguments['temp_relation'] -%}
    {%- set columns = arguments['dest_columns'] | map(attribute='quoted') | join(', ') -%}
    with records as (
        select
            source,
            period,
            usage_date,
            extraction_run_id,
            record_id,
            record_copy,
            bool_or(is_duplicate) as is_duplicate,
            bool_or(reject_reason is not null) as is_rejected,
            bool_or(set_apart_reason is not null) as is_set_apart,
            max(usage_date) filter (
                where not is_duplicate and reject_reason is null and set_apart_reason is null and total_cost <> 0
            ) as last_cost_date,
            count(*) filter (where not is_duplicate and reject_reason is null and set_apart_reason is null)
                as released_line_count,
            sum(source_cost) filter (where not is_duplicate) as amount,
            sum(source_cost) filter (where not is_duplicate and reject_reason is not null) as amount_rejected,
            sum(source_cost) filter (where not is_duplicate and set_apart_reason is not null) as amount_set_apart
        from scoped_usage
        group by 1, 2, 3, 4, 5, 6
    ),

    accounted as (
        select
            source,
            period,
            count(*) filter (where is_duplicate) as records_duplicate,
            count(*) filter (where is_rejected and not is_duplicate) as records_rejected,
            count(*) filter (where is_set_apart and not is_rejected and not is_duplicate) as records_set_apart,
            count(*) filter (where not is_rejected and not is_set_apart and not is_duplicate) as records_released,
            sum(released_line_count) as lines_released,
            max(last_cost_date) - period + 1 as last_cost_day,
            sum(amount) as amount,
            sum(amount_rejected) as amount_rejected,
            sum(amount_set_apart) as amount_set_apart
        from records
        group by 1, 2
    ),

    aggregated as (
        select source, period, sum(line_count) as line_count, sum(source_cost) as amount, sum(total_cost) as cost
        from {{ releves }}
        group by 1, 2
    ),

    standing as (
        select source, period, sum(total_cost) as cost
        from {{ fact }}
        where (source, period) in (select source, period from open_scopes)
        group by 1, 2
    ),

    figures as (
        select
            open_scopes.source,
            open_scopes.period,
            landed.records as records_landed,
            coalesce(landed.billed_amount, accounted.amount) as amount_landed,
            accounted.records_released,
            accounted.records_rejected,
            accounted.records_set_apart,
            accounted.records_duplicate,
            accounted.lines_released,
            accounted.last_cost_day,
            accounted.amount_rejected,
            accounted.amount_set_apart,
            aggregated.line_count as lines_in_releves,
            aggregated.amount as amount_released,
            aggregated.cost as cost_after,
            standing.cost as cost_before,
            scopes.landed_digest,
            scopes.landed_windows,
            scopes.measured_days,
            scopes.estimated_days
        from open_scopes
        left join {{ ref('int_landed_scopes') }} as scopes using (source, period)
        left join {{ ref('int_records_landed') }} as landed using (source, period)
        left join accounted using (source, period)
        left join aggregated using (source, period)
        left join standing using (source, period)
    )

    update finops.etl_reconciliations as scope
    set
        records_landed = coalesce(figures.records_landed, 0),
        records_released = coalesce(figures.records_released, 0),
        records_rejected = coalesce(figures.records_rejected, 0),
        records_set_apart = coalesce(figures.records_set_apart, 0),
        records_duplicate = coalesce(figures.records_duplicate, 0),
        lines_released = coalesce(figures.lines_released, 0),
        lines_in_releves = coalesce(figures.lines_in_releves, 0),
        amount_landed = coalesce(figures.amount_landed, 0),
        amount_released = coalesce(figures.amount_released, 0),
        amount_rejected = coalesce(figures.amount_rejected, 0),
        amount_set_apart = coalesce(figures.amount_set_apart, 0),
        landed_digest = coalesce(figures.landed_digest, ''),
        landed_windows = figures.landed_windows,
        cost_before = figures.cost_before,
        cost_after = coalesce(figures.cost_after, 0),
        measured_days = figures.measured_days,
        estimated_days = figures.estimated_days,
        last_cost_day = figures.last_cost_day
    from figures
    where
        scope.run_id = '{{ current_run_id() }}'
        and scope.status = 'PENDING'
        and scope.source = figures.source
        and scope.period = figures.period;

    {#- The quantity of each day of an inventory and each window of a meter, priced or not. A bill is checked when it lands. #}
    delete from finops.etl_scope_days
    where not is_published and (source, period) in (select source, period from open_scopes);
    insert into finops.etl_scope_days (source, period, day, unit, quantity, is_estimated, is_published)
    select
        source,
        period,
        case when measure = 'inventory' then usage_date else window_date end as day,
        coalesce(unit, '') as unit,
        sum(quantity) as quantity,
        bool_or(estimated_reason is not distinct from 'MISSING_SNAPSHOT') as is_estimated,
        false as is_published
    from scoped_usage
    inner join (
        select distinct source, measure
        from finops.etl_accepted
        where measure in ('inventory', 'metered')
    ) as measures using (source)
    where is_measured
    group by 1, 2, 3, 4;

    update finops.etl_reconciliations as scope
    set
        status = decided.decision,
        refusal = decided.refusal,
        publication = case when decided.decision = 'PUBLISHED' then nextval('finops.etl_publication') end,
        decided_at = clock_timestamp()
    from {{ ref('int_scope_decisions') }} as decided
    where
        scope.run_id = '{{ current_run_id() }}'
        and scope.status = 'PENDING'
        and scope.run_id = decided.run_id
        and scope.source = decided.source
        and scope.period = decided.period
        and scope.attempt = decided.attempt;

    delete from open_scopes
    where (source, period, attempt) not in (
        select source, period, attempt
        from finops.etl_reconciliations
        where run_id = '{{ current_run_id() }}' and status = 'PUBLISHED'
    );
    {% for table in [
        fact, 'finops.rejected_usage', 'finops.unallocated_usage', 'finops.set_apart_charges', 'finops.etl_scope_lookups'
    ] -%}
    delete from {{ table }} where (source, period) in (select source, period from open_scopes);
    {% endfor -%}

    insert into {{ fact }} ({{ columns }})
    select {{ columns }} from {{ releves }} where (source, period) in (select source, period from open_scopes);

    insert into finops.rejected_usage (
        run_id, domain, source, period, usage_date, extraction_run_id, window_date, record_id,
        application_id, product_id, family, reason, detail, quantity, unit, amount, currency, total_cost
    )
    select
        '{{ current_run_id() }}', domain, source, period, usage_date, extraction_run_id, window_date, record_id,
        application_id, product_id, family, reject_reason, reject_detail, quantity, unit, source_cost, source_currency,
        total_cost
    from scoped_usage
    where
        reject_reason is not null
        and not is_duplicate
        and (source, period) in (select source, period from open_scopes);

    {#- What staging keeps as `subject` is there for every line without a listed application, and so for each of these. #}
    insert into finops.unallocated_usage (run_id, source, period, subject, total_cost, line_count)
    select
        '{{ current_run_id() }}',
        source,
        period,
        finops.unallocated_subject(source, application_code, subject[1], subject[2], subject[3], subject[4]),
        sum(total_cost),
        count(*)
    from scoped_usage
    where
        application_id = 'UNALLOCATED'
        and reject_reason is null
        and set_apart_reason is null
        and not is_duplicate
        and (source, period) in (select source, period from open_scopes)
    group by 2, 3, 4;

    insert into finops.set_apart_charges (
        run_id, domain, source, period, usage_date, extraction_run_id, window_date, record_id, application_id, product_id,
        family, charge_category, source_cost, source_currency, total_cost, currency, billed_cost, invoice_id
    )
    select
        '{{ current_run_id() }}', domain, source, period, usage_date, extraction_run_id, window_date, record_id,
        application_id, product_id, family, charge_category, source_cost, source_currency, total_cost, currency,
        billed_cost, finops.bounded(invoice_id)
    from scoped_usage
    where
        set_apart_reason is not null
        and not is_duplicate
        and (source, period) in (select source, period from open_scopes);

    {#- What the next run compares with: the quantities found, and what the lines looked up in the reference data. #}
    delete from finops.etl_scope_days
    where (is_published or is_estimated) and (source, period) in (select source, period from open_scopes);
    update finops.etl_scope_days
    set is_published = true
    where (source, period) in (select source, period from open_scopes);

    insert into finops.etl_scope_lookups (source, period, kind, key)
    select distinct combined.source, combined.period, lookup.kind, lookup.key
    from (
        select distinct
            source, period, upper(application_code) as application, product_id, provider_name, source_currency, has_no_rate
        from scoped_usage
        where (source, period) in (select source, period from open_scopes)
    ) as combined
    cross join lateral (
        values
        ('application', combined.application),
        ('product', combined.product_id),
        ('provider', combined.provider_name),
        ('currency', combined.source_currency),
        ('missing_rate', case when combined.has_no_rate then combined.source_currency end)
    ) as lookup (kind, key)
    where lookup.key is not null;

    select count(finops.enter_reference_digest('{{ current_run_id() }}', source, period, reference_digest))
    from {{ ref('int_scope_references') }}
    where (source, period) in (select source, period from open_scopes);
{% endmacro %}
