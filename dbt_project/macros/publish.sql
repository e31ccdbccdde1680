{#-
How relevés are replaced. fact_releve is always incremental: its empty table is made from its own contract before the
first build, so that a first build is checked and published like any other.

1. stage_usage_lines, a pre-hook: values the usage lines of the run's (source, period) scopes once, in a temporary table;
2. fact_releve's own query turns those into relevés, in dbt's temporary table;
3. replace_scope, the incremental strategy: reconciles each scope, then replaces the relevés and the rejects of those that
   reconcile, and leaves the others as they were. All three are one transaction.
-#}

{#-
A contract that has grown since the table was made: the new columns are added, and stay empty in the relevés that stand,
until a reprocess; what those say of estimates and charges is kept as it was known. Any other difference stops the build
(on_schema_change: fail): see docs/upgrading.md.
-#}
{% macro prepare_fact() %}
    {%- set node = graph.nodes['model.finops.fact_releve'] -%}
    {%- set fact = api.Relation.create(node.database, node.schema, node.alias, type='table') -%}
    {%- if adapter.get_relation(node.database, node.schema, node.alias) -%}
        {%- set known = adapter.get_columns_in_relation(fact) | map(attribute='name') | list -%}
        {%- for column in node.columns.values() if column.name not in known -%}
            {%- do run_query(
                "begin; alter table " ~ fact ~ " add column " ~ adapter.quote(column.name) ~ " " ~ column.data_type ~ "; commit;"
            ) -%}
        {%- endfor -%}
        {%- if 'estimated_cost' not in known -%}
            {%- do run_query(
                "begin; update " ~ fact ~ " set
                    charge_category = case when domain = 'public_cloud' then 'Unknown' else 'Usage' end,
                    estimated_cost = case when is_estimated then total_cost else 0 end,
                    estimated_reasons = case when is_estimated then array['MISSING_SNAPSHOT'] else '{}' end; commit;"
            ) -%}
        {%- endif -%}
        {{ return('') }}
    {%- endif -%}
    {%- set columns = [] -%}
    {%- for column in node.columns.values() -%}
        {%- set required = column.constraints | selectattr('type', 'equalto', 'not_null') | list -%}
        {%- do columns.append(adapter.quote(column.name) ~ ' ' ~ column.data_type ~ (' not null' if required else '')) -%}
    {%- endfor -%}
    {%- do run_query("begin; create table " ~ fact ~ " (" ~ columns | join(', ') ~ "); commit;") -%}
    {%- for index in node.config.indexes -%}
        {%- do run_query("begin; " ~ get_create_index_sql(fact, index) ~ "; commit;") -%}
    {%- endfor -%}
    {%- do adapter.cache_added(fact) -%}
{% endmacro %}

{#- A run that was taken up again may have published others before. -#}
{% macro scopes_of_run() %}
    finops.etl_reconciliations where run_id = '{{ current_run_id() }}' and status = 'PENDING'
{%- endmacro %}

{#-
Which (source, month) pairs the run has to publish: those that it was asked for by name, else all of whose figures anything
has changed. Reference data changes open months; in earlier ones its changes wait until somebody asks.
-#}
{% macro plan_scopes() %}
    {%- do run_query("
        insert into finops.etl_reconciliations (run_id, source, period)
        select runs.run_id, scopes.source, scopes.period
        from finops.etl_runs as runs
        cross join " ~ ref('int_scopes') ~ " as scopes
        where
            runs.run_id = '" ~ current_run_id() ~ "'
            and case
                when runs.kind <> 'nightly' and runs.periods <> '{}'
                    then scopes.period = any(runs.periods) and (runs.sources is null or scopes.source = any(runs.sources))
                else
                    scopes.has_landed
                    or scopes.has_late_rate
                    or scopes.has_new_reference and scopes.period = any(finops.open_periods(runs.as_of))
            end
        on conflict (run_id, source, period) do update set status = 'PENDING', decided_at = null
    ") -%}
{% endmacro %}

{% macro stage_usage_lines() %}
    {%- if not (execute and flags.WHICH in ('build', 'run')) -%}{{ return('') }}{%- endif -%}
    {%- if is_own_run() -%}
        {%- set held = run_query("select pg_try_advisory_xact_lock(" ~ lock_number() ~ ")").columns[0][0] -%}
        {%- set open = run_query(
            "select count(*) from finops.etl_runs where status = 'RUNNING' and run_id = '" ~ invocation_id ~ "'"
        ).columns[0][0] -%}
        {%- if not held or not open -%}
            {{ exceptions.raise_compiler_error("another run began to write meanwhile: run this again when it has ended") }}
        {%- endif -%}
    {%- endif -%}
    {%- do plan_scopes() -%}
    {%- set scopes = run_query("select source, period from " ~ scopes_of_run() ~ " order by period, source") -%}
    create temporary table open_scopes on commit drop as
    select source, period from {{ scopes_of_run() }};
    analyze open_scopes;
    create temporary table scoped_usage on commit drop as
    select valued.*
    from {{ ref('int_usage_valued') }} as valued
    {% if scopes | length == 0 -%}
    where false;
    {%- else -%}
    {#- Literals, so that the planner knows the periods when it scans the raw tables. #}
    where
        valued.period in ('{{ scopes.columns['period'].values() | unique | join("', '") }}')
        and valued.source in ('{{ scopes.columns['source'].values() | unique | join("', '") }}')
        and (valued.source, valued.period) in (select source, period from open_scopes);
    {%- endif %}
    analyze scoped_usage;
    {#- What inventories say of each day and meters of each window, priced or not; a bill is looked at when it lands. #}
    create temporary table scope_days on commit drop as
    select
        source,
        period,
        case when measure = 'inventory' then usage_date else window_date end as day,
        coalesce(unit, '') as unit,
        sum(quantity) as quantity,
        bool_or(estimated_reason = 'MISSING_SNAPSHOT') as is_estimated
    from scoped_usage
    inner join (
        select distinct source, measure
        from finops.etl_accepted
        where measure in ('inventory', 'metered')
    ) as measures using (source)
    where
        not is_duplicate
        and quantity is not null
        and coalesce(reject_reason, 'NO_PRICE') in ('NO_PRODUCT', 'UNIT_MISMATCH', 'NO_PRICE', 'NO_FX_RATE')
    group by 1, 2, 3, 4;
{% endmacro %}

{% macro get_incremental_replace_scope_sql(arguments) %}
    {%- set fact = arguments['target_relation'] -%}
    {%- set releves = arguments['temp_relation'] -%}
    {%- set columns = arguments['dest_columns'] | map(attribute='quoted') | join(', ') -%}
    {%- set published -%}
        select scope.source, scope.period
        from finops.etl_reconciliations as scope
        inner join open_scopes on scope.source = open_scopes.source and scope.period = open_scopes.period
        where scope.run_id = '{{ current_run_id() }}' and scope.status = 'PUBLISHED'
    {%- endset -%}
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
            sum(amount) as amount,
            sum(amount_rejected) as amount_rejected,
            sum(amount_set_apart) as amount_set_apart
        from records
        group by 1, 2
    ),

    aggregated as (
        select
            source,
            period,
            sum(line_count) as line_count,
            sum(source_cost) as amount,
            sum(total_cost) as cost
        from {{ releves }}
        group by 1, 2
    ),

    standing as (
        select
            source,
            period,
            sum(total_cost) as cost
        from {{ fact }}
        where (source, period) in (select source, period from open_scopes)
        group by 1, 2
    ),

    -- a day that was read again: the first one that lost, or gained, more than a second reading explains
    suspicious_days as (
        select distinct on (before.source, before.period)
            before.source,
            before.period,
            format(
                '%s of %s would go from %s to %s, %s', before.unit, before.day, trim_scale(before.quantity),
                trim_scale(coalesce(after.quantity, 0)),
                case
                    when coalesce(after.quantity, 0) < before.quantity then 'more than max_day_fall allows'
                    else 'as much as another unit makes it'
                end
            ) as change
        from finops.etl_scope_days as before
        inner join open_scopes on before.source = open_scopes.source and before.period = open_scopes.period
        left join scope_days as after
            on
                before.source = after.source
                and before.day = after.day
                and before.unit = after.unit
        where
            before.quantity - coalesce(after.quantity, 0) > {{ var('max_day_fall') }} * abs(before.quantity)
            -- MiB that are GiB now
            or before.quantity > 0 and after.quantity >= 1000 * before.quantity
        order by before.source, before.period, before.day, before.unit
    ),

    figures as (
        select
            scope.source,
            scope.period,
            coalesce(landed.records, 0) as records_landed,
            coalesce(accounted.records_released, 0) as records_released,
            coalesce(accounted.records_rejected, 0) as records_rejected,
            coalesce(accounted.records_set_apart, 0) as records_set_apart,
            coalesce(accounted.records_duplicate, 0) as records_duplicate,
            coalesce(accounted.lines_released, 0) as lines_released,
            coalesce(aggregated.line_count, 0) as lines_in_releves,
            coalesce(landed.billed_amount, accounted.amount, 0) as amount_landed,
            coalesce(aggregated.amount, 0) as amount_released,
            coalesce(accounted.amount_rejected, 0) as amount_rejected,
            coalesce(accounted.amount_set_apart, 0) as amount_set_apart,
            coalesce(scopes.landed_digest, '') as landed_digest,
            scopes.landed_windows,
            standing.cost as cost_before,
            coalesce(aggregated.cost, 0) as cost_after,
            case
                when runs.accepts_changes then null
                when suspicious_days.change is not null then suspicious_days.change
                when
                    scope.period <> all(finops.open_periods(runs.as_of))
                    and abs(coalesce(aggregated.cost, 0) - standing.cost)
                    > {{ var('max_closed_change') }} * abs(standing.cost)
                    then format(
                        'its cost would go from %s to %s, more than max_closed_change allows of a month that is not open',
                        round(standing.cost, 2), round(coalesce(aggregated.cost, 0), 2)
                    )
            end as refusal,
            scopes.measured_days,
            scopes.estimated_days
        from open_scopes as scope
        left join {{ ref('int_landed_scopes') }} as scopes
            on scope.source = scopes.source and scope.period = scopes.period
        left join {{ ref('int_records_landed') }} as landed
            on scope.source = landed.source and scope.period = landed.period
        left join accounted on scope.source = accounted.source and scope.period = accounted.period
        left join aggregated on scope.source = aggregated.source and scope.period = aggregated.period
        left join standing on scope.source = standing.source and scope.period = standing.period
        left join suspicious_days on scope.source = suspicious_days.source and scope.period = suspicious_days.period
        inner join finops.etl_runs as runs on runs.run_id = '{{ current_run_id() }}'
    )

    update finops.etl_reconciliations as scope
    set
        status = figures.status,
        refusal = case when figures.status = 'REFUSED' then figures.refusal end,
        publication = case when figures.status = 'PUBLISHED' then nextval('finops.etl_publication') end,
        records_landed = figures.records_landed,
        records_released = figures.records_released,
        records_rejected = figures.records_rejected,
        records_set_apart = figures.records_set_apart,
        records_duplicate = figures.records_duplicate,
        lines_released = figures.lines_released,
        lines_in_releves = figures.lines_in_releves,
        amount_landed = figures.amount_landed,
        amount_released = figures.amount_released,
        amount_rejected = figures.amount_rejected,
        amount_set_apart = figures.amount_set_apart,
        landed_digest = figures.landed_digest,
        landed_windows = figures.landed_windows,
        cost_before = figures.cost_before,
        cost_after = figures.cost_after,
        measured_days = figures.measured_days,
        estimated_days = figures.estimated_days,
        decided_at = clock_timestamp()
    from (
        select
            *,
            case
                when records_landed <> records_released + records_rejected + records_set_apart + records_duplicate
                    or amount_landed <> amount_released + amount_rejected + amount_set_apart
                    or lines_released <> lines_in_releves
                    then 'BLOCKED'
                when refusal is not null then 'REFUSED'
                else 'PUBLISHED'
            end as status
        from figures
    ) as figures
    where
        scope.run_id = '{{ current_run_id() }}'
        and scope.source = figures.source
        and scope.period = figures.period;

    delete from {{ fact }} where (source, period) in ({{ published }});
    insert into {{ fact }} ({{ columns }})
    select {{ columns }} from {{ releves }} where (source, period) in ({{ published }});

    delete from finops.rejected_usage where (source, period) in ({{ published }});
    insert into finops.rejected_usage (
        run_id, domain, source, period, usage_date, extraction_run_id, window_date, record_id,
        application_id, product_id, family, reason, detail, quantity, unit, amount, currency, total_cost
    )
    select
        '{{ current_run_id() }}', domain, source, period, usage_date, extraction_run_id, window_date, record_id,
        application_id, product_id, family, reject_reason, reject_detail, quantity, unit, source_cost, source_currency,
        total_cost
    from scoped_usage
    where reject_reason is not null and not is_duplicate and (source, period) in ({{ published }});

    delete from finops.set_apart_charges where (source, period) in ({{ published }});
    insert into finops.set_apart_charges (
        run_id, domain, source, period, usage_date, extraction_run_id, window_date, record_id, application_id, product_id,
        family, charge_category, source_cost, source_currency, total_cost, currency, billed_cost, invoice_id
    )
    select
        '{{ current_run_id() }}', domain, source, period, usage_date, extraction_run_id, window_date, record_id,
        application_id, product_id, family, charge_category, source_cost, source_currency, total_cost, currency,
        billed_cost, invoice_id
    from scoped_usage
    where set_apart_reason is not null and not is_duplicate and (source, period) in ({{ published }});

    delete from finops.etl_scope_days where (source, period) in ({{ published }});
    insert into finops.etl_scope_days (source, period, day, unit, quantity)
    select source, period, day, unit, quantity
    from scope_days
    where is_estimated is not true and (source, period) in ({{ published }});

    delete from finops.etl_scope_lookups where (source, period) in ({{ published }});
    insert into finops.etl_scope_lookups (source, period, kind, key)
    select distinct combined.source, combined.period, lookup.kind, lookup.key
    from (
        select distinct
            source, period, upper(application_code) as application, product_id, provider_name, source_currency, has_no_rate
        from scoped_usage
    ) as combined
    cross join lateral (
        values
        ('application', combined.application),
        ('product', combined.product_id),
        ('provider', combined.provider_name),
        ('currency', combined.source_currency),
        ('missing_rate', case when combined.has_no_rate then combined.source_currency end)
    ) as lookup (kind, key)
    where lookup.key is not null and (combined.source, combined.period) in ({{ published }});

    update finops.etl_reconciliations as scope
    set reference_digest = answers.reference_digest
    from {{ ref('int_scope_references') }} as answers
    where
        scope.run_id = '{{ current_run_id() }}'
        and scope.status = 'PUBLISHED'
        and scope.source = answers.source
        and scope.period = answers.period;
{% endmacro %}
