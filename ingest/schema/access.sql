-- Who may see what (docs/decisions/0005-security-barrier-views.md). A session of the API says who calls by the
-- setting `finops.claims`, signed with a key that the session cannot read; a login of a BI tool says nothing, and
-- sees the groups that were granted to it.

-- The keys that claims are signed with, as HMAC's two pads (RFC 2104), so that sha256() is all that checking one
-- takes. Readable by the owner alone: who can read a key can sign.
create table if not exists finops.claim_keys (
    inner_pad bytea not null check (length(inner_pad) = 64),
    outer_pad bytea not null check (length(outer_pad) = 64),
    created_at timestamptz not null default clock_timestamp(),
    valid_to timestamptz
);
revoke all on finops.claim_keys from public;

-- What logins of BI tools may see, by `finops access`: keys of groups, or `*` for everything.
create table if not exists finops.reader_groups (
    login name not null,
    group_key text not null check (group_key = lower(group_key) and group_key <> ''),
    granted_at timestamptz not null default clock_timestamp(),
    granted_by name not null default session_user,
    primary key (login, group_key)
);
revoke all on finops.reader_groups from public;

-- What the API was asked, one row per request of a caller (api/auth/audit.py). The role finops_audit may only insert.
create table if not exists finops.api_audit (
    id uuid primary key,
    asked_at timestamptz not null,
    caller text not null,
    keys text[] not null,
    method text not null,
    route text not null,
    path text not null,
    query text not null,
    groups text[] not null,
    applications text[] not null,
    status int not null,
    data_version bigint,
    request_id text
);
create index if not exists api_audit_asked_at on finops.api_audit using brin (asked_at);
create or replace trigger append_only before update or delete on finops.api_audit
for each row execute function finops.append_only();
revoke all on finops.api_audit from public;

-- Store the key that the API signs with. The one before it stays valid for a day, until every replica has the new
-- one; those before that one end at once. Storing the newest again changes nothing.
create or replace function finops.store_claim_key(key bytea) returns void language plpgsql as $$
declare
    padded bytea := case when length(key) > 64 then sha256(key) else key end;
    inner_block bytea := decode(repeat('36', 64), 'hex');
    outer_block bytea := decode(repeat('5c', 64), 'hex');
begin
    if length(key) < 32 then
        raise exception 'a key for claims has % bytes: at least 32 are needed', length(key);
    end if;
    for position in 0..length(padded) - 1 loop
        inner_block := set_byte(inner_block, position, get_byte(padded, position) # 54); -- 0x36
        outer_block := set_byte(outer_block, position, get_byte(padded, position) # 92); -- 0x5c
    end loop;
    lock table finops.claim_keys in exclusive mode;
    if exists (select from finops.claim_keys where inner_pad = inner_block and valid_to is null) then
        return;
    end if;
    delete from finops.claim_keys where valid_to is not null;
    update finops.claim_keys set valid_to = clock_timestamp() + interval '1 day';
    insert into finops.claim_keys (inner_pad, outer_pad) values (inner_block, outer_block);
end
$$;
revoke all on function finops.store_claim_key(bytea) from public;

-- The keys of the groups that this session may see (a group's id in lower case); `{*}` for everything.
--
-- - `finops.claims` is base64url(JSON) '.' hex(HMAC-SHA256): the groups that it was signed for, until it expires. One
--   that was not signed with a key of this database, or has expired, is an error and not an empty answer.
-- - `none`: nothing. The API's sessions begin with it, so that a transaction without claims shows nothing.
-- - Not set: what the login itself may see, whatever role it has taken on. Who may read the relevés anyway sees
--   everything.
--
-- Whoever calls it may set whatever a session can: names are resolved in pg_catalog alone. The signatures' hashes are
-- compared, so that the time which that takes tells nothing of a signature.
create or replace function finops_api.caller_keys() returns text[]
language plpgsql stable security definer parallel restricted set search_path = pg_catalog, pg_temp as $$
declare
    claims text := nullif(current_setting('finops.claims', true), '');
    payload text := split_part(claims, '.', 1);
    granted jsonb;
begin
    if current_setting('finops.groups', true) <> '' then
        raise exception 'the setting finops.groups is not read any more'
            using
                errcode = 'invalid_authorization_specification',
                hint = 'the API is older than this database: upgrade it';
    end if;
    if claims is null then
        if
            pg_has_role(session_user, (select nspowner from pg_namespace where nspname = 'finops'), 'usage')
            or has_table_privilege(session_user, to_regclass('finops.fact_releve'), 'select')
        then
            return '{*}';
        end if;
        return array(select group_key from finops.reader_groups where login = session_user);
    end if;
    if claims = 'none' then
        return '{}';
    end if;
    if not exists (
        select from finops.claim_keys
        where
            coalesce(valid_to > clock_timestamp(), true)
            and sha256(convert_to(claims, 'UTF8')) = sha256(convert_to(
                payload || '.' || encode(sha256(outer_pad || sha256(inner_pad || convert_to(payload, 'UTF8'))), 'hex'), 'UTF8'
            ))
    ) then
        raise exception 'finops.claims is not signed with a key of this database'
            using
                errcode = 'invalid_authorization_specification',
                hint = 'give the API the FINOPS_API_CLAIMS_KEY that `finops init-db` stored here last';
    end if;
    granted := convert_from(decode(translate(payload, '-_', '+/'), 'base64'), 'UTF8');
    if coalesce(to_timestamp(cast(granted ->> 'expires' as float8)) < clock_timestamp(), true) then
        raise exception 'finops.claims has expired: at %, and it is % here',
            to_timestamp(cast(granted ->> 'expires' as float8)), clock_timestamp()
            using
                errcode = 'invalid_authorization_specification',
                hint = 'set the clocks of the API and of PostgreSQL by the same time server';
    end if;
    if granted -> 'groups' = '"*"' then
        return '{*}';
    end if;
    return array(
        select lower(key) from jsonb_array_elements_text(granted -> 'groups') as keys (key)
        where key <> '*' -- a group of that name is not everything
    );
end
$$;

-- Take from everybody what no reader needs, and leave it to those who write: temporary tables, tables in the schema
-- public, large objects, advisory locks (whoever holds 7061746 stops every run). Called by `finops init-db` once the
-- roles are there. Returns the statements that it may not execute, for an administrator who may.
create or replace function finops.harden_database() returns text[] language plpgsql as $$
declare
    writers text := (
        select string_agg(format('%I', rolname), ', ' order by rolname)
        from pg_roles
        where
            rolname in ('finops_owner', 'finops_loader', 'finops_transformer')
            or oid = (select nspowner from pg_namespace where nspname = 'finops')
    );
    refused text [] := '{}';
    known record;
begin
    if
        exists (select from pg_roles where rolname = 'finops_audit')
        and pg_has_role((select nspowner from pg_namespace where nspname = 'finops'), 'usage')
    then
        grant usage on schema finops to finops_audit;
        grant insert on finops.api_audit to finops_audit;
    end if;
    for known in
        select format('temporary on database %I', datname) as rights, datdba as owner
        from pg_database
        where datname = current_database() and has_database_privilege('public', oid, 'temporary')
        union all
        select 'create on schema public' as rights, nspowner as owner
        from pg_namespace
        where nspname = 'public' and has_schema_privilege('public', oid, 'create')
        union all
        select 'execute on function ' || string_agg(cast(cast(oid as regprocedure) as text), ', ' order by oid), proowner
        from pg_proc
        where
            pronamespace = to_regnamespace('pg_catalog')
            and (
                proname ~ '^pg_(try_)?advisory_'
                or proname in ('lo_creat', 'lo_create', 'lo_from_bytea', 'lo_put', 'lo_truncate', 'lo_truncate64', 'lowrite')
            )
            and has_function_privilege('public', oid, 'execute')
        group by proowner
    loop
        if pg_has_role(known.owner, 'usage') then
            execute format('grant %s to %s', known.rights, writers);
            execute format('revoke %s from public', known.rights);
        else
            refused := refused || format('grant %s to %s; revoke %1$s from public', known.rights, writers);
        end if;
    end loop;
    return refused;
end
$$;
