-- How a value that a source writes becomes one that can be counted. dbt's models call these, and anybody can in psql:
--   select finops.to_gib('64 GB'), finops.to_date_utc('31/12/2026');
-- Each is one expression, which PostgreSQL puts into the query that calls it, unless an argument that is used several
-- times takes long to work out: give such a one a name first, in a lateral subquery with `offset 0` (macros/cmdb.sql).
-- What is `stable` and not `immutable` calls what PostgreSQL says is stable; its result depends on its arguments alone.

-- A text without the blanks around it, tabs and no-break spaces included; one that is all blank is null.
create or replace function finops.trimmed(value text) returns text
language sql immutable parallel safe
return nullif(btrim(value, e' \t\r\n\u00a0'), '');

-- Whether a text is too long for the mart: more than 255 characters, or 510 bytes, so that an index of any aggregate takes it.
-- An index's row has 2704 bytes at most, and up to four such texts.
create or replace function finops.is_too_long(value text) returns boolean
language sql immutable parallel safe
return octet_length(value) > 255 and (octet_length(value) > 510 or char_length(value) > 255);

-- A text as the mart takes it. One that is too long is cut, and a digest of the whole keeps two of them apart.
create or replace function finops.bounded(value text) returns text
language sql immutable parallel safe
return case when finops.is_too_long(value) then left(value, 100) || '~' || md5(value) else value end;

-- A text in a message: no longer than a person reads.
create or replace function finops.shown(value text) returns text
language sql immutable parallel safe
return case when char_length(value) > 1000 then left(value, 1000) || '…' else value end;

-- What is wrong with the first text of several that is too long for the mart, and what to do; null where none is.
create or replace function finops.too_long_detail(texts jsonb) returns text
language sql immutable parallel safe
begin atomic
    select
        format(
            '%s has %s characters in %s bytes, more than 255 or 510: shorten it in the source; it begins with ''%s''',
            texts.key, char_length(texts.value), octet_length(texts.value), left(texts.value, 40)
        )
    from jsonb_each_text(texts) as texts
    where finops.is_too_long(texts.value)
    order by texts.key
    limit 1;
end;

-- What a usage line that no application claims is named by: the best that it says of itself.
create or replace function finops.unallocated_subject(
    source text, application_code text, sub_account_id text, sub_account_name text, resource_id text, resource_name text
) returns text
language sql immutable parallel safe
return finops.bounded(
    coalesce(
        'code ' || application_code,
        case when starts_with(source, 'focus.') then 'account ' || coalesce(sub_account_name, sub_account_id) end,
        'resource ' || coalesce(resource_id, resource_name),
        'no name at all'
    )
);

-- The text of a BSON value in Extended JSON ({"$numberDecimal": "4.50"}, {"$date": …}); null of any other object.
create or replace function finops.bson_text(object json) returns text
language sql immutable parallel safe
return coalesce(
    object ->> '$numberDecimal', object ->> '$numberLong', object ->> '$numberInt', object ->> '$numberDouble',
    object #>> '{$date,$numberLong}', object ->> '$date', object ->> '$oid'
);

-- The values of a JSON list as one text, in their order, separated by commas; a list of one is its element.
create or replace function finops.list_text(list text) returns text
language sql immutable parallel safe
return (
    select
        string_agg(
            finops.trimmed(
                case json_typeof(element.value)
                    when 'object' then finops.bson_text(element.value)
                    else element.value #>> '{}'
                end
            ),
            ', ' order by element.position
        )
    from json_array_elements(cast(case when list is json array then list end as json))
        with ordinality as element (value, position)
);

-- The text of what a document holds in a field, as json_to_record has it in a column of type text: of a value, of one of
-- BSON, or of a list. Blanks, '' and any other object are null.
create or replace function finops.field_text(value text) returns text
language sql immutable parallel safe
return finops.trimmed(
    case left(value, 1)
        when '{' then case when value is json object then finops.bson_text(cast(value as json)) else value end
        when '[' then case when value is json array then finops.list_text(value) else value end
        else value
    end
);

-- What stands at a path of keys below a field, each list on the way gone through: a JSON list of what its elements hold.
create or replace function finops.listed_text(field json, path text []) returns text
language sql immutable parallel safe
return (
    select
        cast(
            nullif(
                jsonb_path_query_array(
                    -- a number may be one of JSON, and too large for PostgreSQL
                    case when pg_input_is_valid(cast(field as text), 'jsonb') then cast(field as jsonb) end,
                    cast(steps.path as jsonpath)
                ),
                '[]'
            ) as text
        )
    from (
        select 'lax $' || string_agg('.' || to_json(step.key), '' order by step.position) || '[*]' as path
        from unnest(path) with ordinality as step (key, position)
    ) as steps
);

-- What stands at a path of keys below a field, as json_to_record has it in a column of type json.
create or replace function finops.path_text(field json, path text []) returns text
language sql immutable parallel safe
return coalesce(
    field #>> path,
    case
        when json_typeof(field) in ('object', 'array') and strpos(cast(field as text), '[') > 0
            then finops.listed_text(field, path)
    end
);

-- An exact numeric, or null where the text is not a finite number: the caller turns null into a reject. Past 131072 digits
-- a cast is an error, which would stop every source: nothing that is real has a thousand.
create or replace function finops.to_numeric(value text) returns numeric
language sql immutable parallel safe
return case
    when char_length(value) <= 1000
        and value ~ '^[ \t\r\n]*[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?0*[0-9]{1,3})?[ \t\r\n]*$'
        then cast(value as numeric)
end;

-- A number of vCPU, "4" or "4 vCPUs", or null where the text is neither. Here and below, a pattern that may begin anywhere is
-- not tried on a text without end: the time that it takes grows with the square of the length.
create or replace function finops.to_count(value text) returns numeric
language sql immutable parallel safe
return coalesce(
    finops.to_numeric(value),
    case
        when char_length(value) <= 1000
            then finops.to_numeric(regexp_replace(value, '[ \t\u00a0]*v?cpus?$', '', 'i'))
    end
);

-- How many GiB one of a unit is, by its first letter, without rounding. Every unit is binary, however spelt: a CMDB says GB,
-- or Go, and means GiB.
create or replace function finops.gib_in(unit text) returns numeric
language sql immutable parallel safe
return case lower(left(unit, 1))
    when 'b' then 0.000000000931322574615478515625
    when 'k' then 0.00000095367431640625
    when 'm' then 0.0009765625
    when 'g' then 1
    when 't' then 1024
    when 'p' then 1048576
end;

-- GiB of a size that says its unit, without rounding, or null where the text is not one. What comes before the unit has to
-- be a number: "1,024 MB" is not one.
create or replace function finops.to_gib(value text) returns numeric
language sql immutable parallel safe
return case
    when char_length(value) <= 1000
        then finops.to_numeric(regexp_replace(value, '[ \t\u00a0]*([kmgtp](i?[bo])?|b|bytes)$', '', 'i'))
            * finops.gib_in(substring(value from '([A-Za-z])[A-Za-z]*$'))
end;

-- GiB of a size that may leave its unit to the configuration; null of a bare number where there is none.
create or replace function finops.to_gib(value text, unit text) returns numeric
language sql immutable parallel safe
return coalesce(finops.to_numeric(value) * finops.gib_in(unit), finops.to_gib(value));

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
    from (select regexp_replace(replace(value, ',', ''), ' *([(].*)?$', '') as text where char_length(value) <= 1000) as size;
end;

-- An instant in UTC, or null where the text is not a timestamp of ISO 8601; no zone means UTC, as FOCUS and OpenStack have it.
-- PostgreSQL takes more for a timestamp: 'now' and 'tomorrow' depend on the clock, 1/9/2026 on a setting.
create or replace function finops.to_utc(value text) returns timestamptz
language sql stable parallel safe
return case
    when value !~ (
        '^[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}'
        '([T ][0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]+)?)?(Z|[+-][0-9]{2}(:?[0-9]{2})?)?)?$'
    )
        then null
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
            else cast(finops.to_utc(finops.iso_order(value)) at time zone 'UTC' as date)
        end,
        date '1970-12-31'
    ),
    date '1970-12-31'
);

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
-- stands. One that is too long is cut, the same wherever it stands. https://backstage.io/docs/features/software-catalog/references
create or replace function finops.entity_ref(value text, kind text, namespace text) returns text
language sql immutable parallel safe
return finops.bounded(lower(
    coalesce(substring(value from '^([^:/]+):'), kind) || ':'
    || coalesce(substring(value from '^(?:[^:/]+:)?([^:/]+)/'), namespace) || '/'
    || regexp_replace(value, '^.*[:/]', '')
));

-- The id of a group by its reference: as short as Backstage shows it, a user's whole.
create or replace function finops.group_of(entity_ref text) returns text
language sql immutable parallel safe
return regexp_replace(entity_ref, '^group:(default/)?', '');

-- Whether the setting `catalog_claims` (patterns of codes or groups by pattern of entities, `*` being any text) lets an entity of
-- the catalog claim a code, or a group as its child.
create or replace function finops.may_claim(claims jsonb, entity_ref text, claimed text) returns boolean
language sql immutable parallel safe
return exists (
    select
    from jsonb_each(claims) as rules (entities, patterns)
    cross join lateral jsonb_array_elements_text(rules.patterns) as subjects (pattern)
    where
        entity_ref like replace(
            replace(replace(replace(lower(rules.entities), '\', '\\'), '%', '\%'), '_', '\_'), '*', '%'
        )
        and lower(claimed) like replace(
            replace(replace(replace(lower(subjects.pattern), '\', '\\'), '%', '\%'), '_', '\_'), '*', '%'
        )
);

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
