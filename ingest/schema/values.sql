-- How a value that a source writes becomes one that can be counted. dbt's models call these, and anybody can in psql:
--   select finops.to_gib('64 GB'), finops.to_date_utc('31/12/2026');
-- Each is one expression, which PostgreSQL puts into the query that calls it, unless an argument that is used several
-- times takes long to work out: give such a one a name first, in a lateral subquery with `offset 0` (stg_cmdb__vm).
-- What is `stable` and not `immutable` calls what PostgreSQL says is stable; its result depends on its arguments alone.

-- A text without the blanks around it, tabs and no-break spaces included; one that is all blank is null.
create or replace function finops.trimmed(value text) returns text
language sql immutable parallel safe
return nullif(btrim(value, e' \t\r\n\u00a0'), '');

-- Text of a JSON scalar, or of a BSON value in Extended JSON ({"$numberDecimal": "4.50"}, {"$date": …}); '' and blanks are
-- null.
create or replace function finops.scalar_text(field json) returns text
language sql immutable parallel safe
return finops.trimmed(
    case
        when json_typeof(field) = 'object'
            then coalesce(
                field ->> '$numberDecimal', field ->> '$numberLong', field ->> '$numberInt', field ->> '$numberDouble',
                field #>> '{$date,$numberLong}', field ->> '$date', field #>> '{}'
            )
        else field #>> '{}'
    end
);

-- An exact numeric, or null where the text is not a finite number: the caller turns null into a reject. Past 131072 digits
-- a cast is an error, which would stop every source: nothing that is real has a thousand.
create or replace function finops.to_numeric(value text) returns numeric
language sql immutable parallel safe
return case
    when value ~ '^[ \t\r\n]*[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?0*[0-9]{1,3})?[ \t\r\n]*$'
        and char_length(value) <= 1000
        then cast(value as numeric)
end;

-- A number of vCPU, "4" or "4 vCPUs", or null where the text is neither.
create or replace function finops.to_count(value text) returns numeric
language sql immutable parallel safe
return coalesce(
    finops.to_numeric(value),
    finops.to_numeric(regexp_replace(value, '[ \t\u00a0]*v?cpus?$', '', 'i'))
);

-- GiB without rounding, or null where the text is not a size. A bare number is GiB; a unit is binary, however spelt: a
-- CMDB says GB, or Go, and means GiB. What comes before the unit has to be a number: "1,024 MB" is not one.
create or replace function finops.to_gib(value text) returns numeric
language sql immutable parallel safe
return coalesce(
    finops.to_numeric(value),
    finops.to_numeric(regexp_replace(value, '[ \t\u00a0]*[kmgtp](i?[bo])?$', '', 'i'))
    * case lower(substring(value from '([A-Za-z])[A-Za-z]*$'))
        when 'k' then 0.00000095367431640625
        when 'm' then 0.0009765625
        when 'g' then 1
        when 't' then 1024
        when 'p' then 1048576
    end
);

-- Bytes to GiB without rounding: 2^-30 has 30 decimals.
create or replace function finops.bytes_to_gib(bytes numeric) returns numeric
language sql immutable parallel safe
return bytes * 0.000000000931322574615478515625;

-- GiB of a size as Artifactory writes it ("59.77 GB", "1,024.5 MB", "0 bytes", "32.22 GB (15.77%)"), or null where there is
-- no unit.
create or replace function finops.artifactory_gib(value text) returns numeric
language sql immutable parallel safe
begin atomic
    select
        case
            when size.text ~* '[0-9] *bytes$'
                then finops.bytes_to_gib(finops.to_numeric(regexp_replace(size.text, ' *bytes$', '', 'i')))
            when size.text ~* '[0-9] *[kmgtp]b$' then finops.to_gib(size.text)
        end
    from (select regexp_replace(replace(value, ',', ''), ' *([(].*)?$', '') as text) as size;
end;

-- An instant in UTC, or null where the text is not a timestamp; no zone means UTC, as FOCUS and OpenStack have it.
create or replace function finops.to_utc(value text) returns timestamptz
language sql stable parallel safe
return case
    when pg_input_is_valid(value, 'timestamptz') and value ~ '(Z|[+-]\d{2}:?(\d{2})?)$' and value ~ ':'
        then cast(value as timestamptz)
    when pg_input_is_valid(value, 'timestamp')
        then cast(value as timestamp) at time zone 'UTC'
end;

-- 31/12/2026 as 2026-12-31; any other text as it is.
create or replace function finops.iso_order(value text) returns text
language sql immutable parallel safe
return regexp_replace(value, '^([0-9]{1,2})/([0-9]{1,2})/([0-9]{4})', '\3-\2-\1');

-- A UTC day, or null where the text is not a date: ISO with or without a zone, day/month/year, milliseconds since 1970. A
-- year up to 1970 (0001, 1900, the epoch itself) is how a system writes that it has no date: null as well.
create or replace function finops.to_date_utc(value text) returns date
language sql stable parallel safe
return nullif(
    greatest(
        case
            when value ~ '^[0-9]{12,13}([.]0*)?$'
                then date '1970-01-01' + cast(div(cast(value as numeric), 86400000) as integer)
            when finops.iso_order(value) ~ (
                '^[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}'
                '([T ][0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]+)?)?(Z|[+-][0-9]{2}(:?[0-9]{2})?)?)?$'
            )
                then cast(finops.to_utc(finops.iso_order(value)) at time zone 'UTC' as date)
        end,
        date '1970-12-31'
    ),
    date '1970-12-31'
);

-- A CMDB record's capacity on the day of its snapshot: 0 once it was taken out of service.
create or replace function finops.in_service(capacity numeric, status text, decommission_date date, on_day date)
returns numeric
language sql immutable parallel safe
return case
    when status in ('decommissioned', 'retired', 'deleted', 'terminated') or decommission_date <= on_day then 0
    else capacity
end;

-- What a day takes of a quantity that is known of a longer window: the same each day, rounded to 12 decimals (the division
-- carried to 20 first), and the last day what is left, so that the days sum up to the quantity.
create or replace function finops.day_share(quantity numeric, day_number integer, day_count integer) returns numeric
language sql immutable parallel safe
return case
    when day_count = 1 then quantity
    when day_number = day_count
        then quantity - round(round(quantity * 1.00000000000000000000 / day_count, 20), 12) * (day_count - 1)
    else round(round(quantity * 1.00000000000000000000 / day_count, 20), 12)
end;

-- The bytes of one kind in a GitLab project's statistics: 0 of a kind that is not counted there, null where they are
-- missing, or where what is there is not a number.
create or replace function finops.gitlab_bytes(statistics json, kind text) returns numeric
language sql immutable parallel safe
return case when statistics is not null then finops.to_numeric(coalesce(statistics ->> kind, '0')) end;

-- The topics of a GitLab project, which come as a JSON list: all of them in order, null where there are none; and the
-- application that one names behind the prefix, the first in the alphabet, in lower case. No prefix: no application.
create or replace function finops.gitlab_topics(value json, prefix text)
returns table (topics jsonb, topic_application text)
language sql immutable parallel safe
begin atomic
    select
        jsonb_agg(topic.name order by lower(topic.name) collate "C"),
        min(finops.trimmed(substring(lower(topic.name) from char_length(prefix) + 1)) collate "C")
            filter (where prefix <> '' and starts_with(lower(topic.name), lower(prefix)))
    from json_array_elements_text(
        case json_typeof(value) when 'array' then value end
    ) as topic (name);
end;

-- A reference of Backstage's, [kind:][namespace/]name, in full and in lower case: what it leaves out follows from where it
-- stands. https://backstage.io/docs/features/software-catalog/references
create or replace function finops.entity_ref(value text, kind text, namespace text) returns text
language sql immutable parallel safe
return lower(
    coalesce(substring(value from '^([^:/]+):'), kind) || ':'
    || coalesce(substring(value from '^(?:[^:/]+:)?([^:/]+)/'), namespace) || '/'
    || regexp_replace(value, '^.*[:/]', '')
);

-- The id of a group by its reference: as short as Backstage shows it, a user's whole.
create or replace function finops.group_of(entity_ref text) returns text
language sql immutable parallel safe
return regexp_replace(entity_ref, '^group:(default/)?', '');

-- A provider's or service's name as a part of a product's id: in lower case, words joined by a dash, letters of any script
-- kept. Where that loses more than case, as a slash would, a few digits of the whole name keep two names apart.
create or replace function finops.name_slug(value text) returns text
language sql immutable parallel safe
return
trim(both '-' from lower(regexp_replace(value, '[\x01-\x2f\x3a-\x40\x5b-\x60\x7b-\x7f]+', '-', 'g') collate "C"))
|| case
    when value ~ '^[^\x01-\x2f\x3a-\x40\x5b-\x60\x7b-\x7f]+( [^\x01-\x2f\x3a-\x40\x5b-\x60\x7b-\x7f]+)*$' then ''
    else '~' || left(md5(value), 8)
end;

-- A quotient for reading, with at least 12 decimals and at least 12 significant digits, however large or small it is; null
-- of a zero divisor.
create or replace function finops.quotient(amount numeric, divisor numeric) returns numeric
language sql immutable parallel safe
begin atomic
    select
        round(
            exact.quotient,
            case
                when abs(exact.quotient) < 1 and exact.quotient <> 0
                    then cast(11 - floor(log(abs(exact.quotient))) as integer)
                else 12
            end
        )
    from (select amount * 1.000000000000000000000000 / nullif(divisor, 0) as quotient) as exact;
end;

-- A relevé's identity is its grain, so that a reprocess gives it the same id. A JSON array keeps a null and a '' apart.
create or replace function finops.releve_id(
    period date, source text, application_id text, product_id text, family text, charge_category text, unit text,
    source_currency text
) returns uuid
language sql stable parallel safe
return cast(md5(cast(json_build_array(
    period, source, application_id, product_id, family, charge_category, unit, source_currency
) as text)) as uuid);
