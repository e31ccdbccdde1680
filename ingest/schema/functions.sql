-- The first days of the months in '2026-09' or '2026-07..2026-09', as people write them in dbt's variable `period`; none for ''.
create or replace function finops.months(requested text) returns date [] language plpgsql immutable as $$
declare
    bounds text [] := string_to_array(btrim(requested), '..');
    months date [];
begin
    if cardinality(bounds) > 2 or exists (select from unnest(bounds) as bound where bound !~ '^\d{4}-(0[1-9]|1[0-2])$') then
        raise exception 'period ''%'' is not a month: write YYYY-MM, or YYYY-MM..YYYY-MM for a range', requested;
    end if;
    months := array(
        select cast(month as date)
        from generate_series(
            cast(bounds[1] || '-01' as timestamp), cast(bounds[cardinality(bounds)] || '-01' as timestamp), '1 month'
        ) as month
    );
    if cardinality(bounds) > 0 and months = '{}' then
        raise exception 'period ''%'' ends before it begins: write the earlier month first', requested;
    end if;
    return months;
end
$$;

-- The months that the nightly of a day still re-reads. ingest/periods.py has the same rule.
create or replace function finops.open_periods(as_of date) returns date [] language sql immutable parallel safe as $$
    select array(
        select distinct cast(date_trunc('month', cast(day as timestamp)) as date)
        from unnest(array[as_of, as_of - 5]) as days (day)
    )
$$;

-- Whether an owner is the owner of a month. A whole month belongs to the owner on its last known day (docs/ownership.md).
create or replace function finops.owned_in_month(period date, valid_from date, valid_to date) returns boolean
language sql immutable parallel safe as $$
    select period + interval '1 month' > valid_from and (valid_to is null or period + interval '1 month' <= valid_to)
$$;

-- Digest of a small table's rows, regardless of their order.
create or replace function finops.table_digest(relation regclass) returns text language plpgsql stable as $$
declare
    digest text;
begin
    execute format('select md5(string_agg(held::text, e''\n'' order by held::text collate "C")) from %s as held', relation)
    into digest;
    return coalesce(digest, '');
end
$$;

-- The texts of a usage line that application rules are compared with, and the field that each is.
create or replace function finops.rule_texts(
    sub_account_id text, sub_account_name text, resource_id text, resource_name text, labels jsonb
) returns table (field text, value text) language sql stable parallel safe
begin atomic
    select field, value
    from (
        values
        ('sub_account_id', sub_account_id),
        -- a disk's machine was its sub_account_name once
        ('sub_account_name', coalesce(sub_account_name, labels ->> 'vm')),
        ('resource_id', resource_id),
        ('resource_name', resource_name),
        ('vm', labels ->> 'vm')
    ) as texts (field, value)
    union all
    select 'topic' as field, topics.name as value
    from jsonb_array_elements_text(labels -> 'topics') as topics (name)
    union all
    select 'custom_attribute' as field, concat(attributes.key, '=', attributes.value) as value
    from jsonb_each_text(labels -> 'attributes') as attributes;
end;

-- Whether a rule is for a source: one of `gitlab` is for gitlab.storage and for gitlab.ci_minutes.
create or replace function finops.is_rule_of(rule_source text, source text) returns boolean
language sql immutable parallel safe
return rule_source is null or rule_source = source or starts_with(source, rule_source || '.');

-- Whether a rule's pattern matches a text. No regular expression matches a text of more than 1000 characters: of those without back
-- references, which are refused (ingest/reference/checks.py), PostgreSQL's worst grow with the square of the length, to 10 ms at 1000.
create or replace function finops.rule_matches(match_type text, pattern text, value text) returns boolean
language sql immutable parallel safe
return case match_type
    when 'exact' then value = pattern
    when 'prefix' then starts_with(value, pattern)
    when 'regex' then char_length(value) <= 1000 and value ~ pattern
end;

-- The extractions whose raw rows can be deleted: what ended more than `keep_days` days ago, and
-- - is superseded, and no publication of the last `keep_days` days stands on it; nor of a source whose publications do not
--   say what they stand on;
-- - or is a snapshot of reference data with a later one: what it changed is kept, a row a change, in int_catalog_history.
-- None where the run has not consolidated: what it could not publish may still need them; none of the company's own reference
-- data, which is small, and which nobody else keeps as it was.
create or replace function finops.purgeable(of_run uuid, keep_days int) returns setof finops.etl_extractions
language sql stable as $$
    with publications as (
        select
            source,
            landed_windows,
            lead(decided_at) over (partition by source, period order by publication) as replaced_at
        from finops.etl_reconciliations
        where status = 'PUBLISHED' and publication is not null
    ),
    kept as (
        select distinct source, unnest(landed_windows) as landed_window
        from publications
        where replaced_at is null or replaced_at > now() - make_interval(days => keep_days)
    )
    select *
    from finops.etl_extractions as old
    where
        purged_at is null
        and source <> 'reference.tables'
        and ended_at < now() - make_interval(days => keep_days)
        and exists (select from finops.etl_steps where run_id = of_run and step = 'consolidate' and status in ('SUCCESS', 'SKIPPED'))
        and (
            (
                not exists (select from finops.etl_accepted where extraction_id = old.extraction_id)
                and (source, concat_ws(' ', run_id, window_date)) not in (select source, landed_window from kept)
                and not exists (
                    select from finops.etl_published as published
                    where published.source = old.source and published.landed_digest is null
                )
            )
            or (
                measure = 'reference'
                and exists (
                    select from finops.etl_accepted as later
                    where later.source = old.source and later.window_date > old.window_date
                )
            )
        )
$$;

-- finops.quotient for the API's role, which can name nothing in the schema finops. A unit price of sums is a quotient of theirs.
create or replace function finops_api.quotient(amount numeric, divisor numeric) returns numeric
language sql immutable parallel safe
return finops.quotient(amount, divisor);
