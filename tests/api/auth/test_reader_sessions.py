"""Whatever SQL runs in a session of the reader, it sees its own groups: the API's session, and a BI tool's login."""
# ruff: noqa: S608 the statements are attacks

from __future__ import annotations

import hashlib
import hmac
import json
import re
import secrets
import time
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import sql

from finops.api.database import session_options
from finops.api.settings import Settings
from finops.demo.postgres import Embedded
from tests.api.auth.test_access import VIEWS
from tests.conftest import CLAIMS_KEY, connected
from tests.e2e.finops import Database
from tests.hostility import times

pytestmark = pytest.mark.hostile

Kind = Literal["api", "bi"]
PASSWORD = secrets.token_urlsafe()
FAR = 4_102_444_800  # 2100-01-01, in unix seconds


def forged(groups: object, key: str = CLAIMS_KEY, expires: object = FAR) -> str:
    """A claim of any content and key."""
    content = {"name": "x", "groups": groups, "expires": expires}
    payload = urlsafe_b64encode(json.dumps(content).encode()).decode()
    return f"{payload}.{hmac.new(key.encode(), payload.encode(), hashlib.sha256).hexdigest()}"


PAYMENTS, EVERYTHING = forged(["payments"]), forged("*")
# What belongs to others, as text: an application, groups, what one cost in a month, a claim for everything, the key.
SECRETS = ("SHOP-WEB", "storefront", "corporate-it", "120.5", EVERYTHING, CLAIMS_KEY, CLAIMS_KEY.encode().hex())


def says(claim: str) -> str:
    """Set a claim, and read."""
    return f"select set_config('finops.claims', '{claim}', false); select * from finops_api.visible_app_costs"


ALL = "select * from finops_api.visible_app_costs"
PEEK = "create function pg_temp.peek(text) returns boolean language plpgsql cost 0.0000001 as"
ATTACKS = (
    # the settings that say who calls
    "set finops.groups = '*'; " + ALL,
    "set finops.claims = '*'; " + ALL,
    "set finops.claims = ''; " + ALL,
    "reset finops.claims; " + ALL,
    "reset all; " + ALL,
    "discard all; " + ALL,
    "set local finops.claims = '*'; " + ALL,
    "begin; set local finops.claims = ''; " + ALL,
    says("*"),
    says('["storefront"]'),
    says('{"groups": "*"}'),
    says(forged("*", "another key, as long as it has to be")),
    says(forged("*", "")),
    says(forged("*", expires=time.time() - 1)),
    says(forged("*", expires="never")),
    says(forged("*", expires={})),
    says(forged(["*"])),
    says(forged([["*"]])),
    says(forged({"*": "*"})),
    says(forged(None)),
    says(forged(["payments", "*"])),
    says(forged(["%"])),
    says(forged(["payments' or true --"])),
    says(PAYMENTS.split(".", maxsplit=1)[0]),
    says(EVERYTHING.split(".", maxsplit=1)[0] + "." + PAYMENTS.split(".")[1]),
    says(EVERYTHING + "x"),
    says(EVERYTHING[:-2]),
    says(PAYMENTS + "." + EVERYTHING),
    says("." + hashlib.sha256(b"").hexdigest()),
    "update pg_settings set setting = '*' where name = 'finops.claims'; " + ALL,
    "select set_config('session_authorization', 'postgres', false); " + ALL,
    "select set_config('role', 'postgres', false); " + ALL,
    # other roles
    "set role postgres; " + ALL,
    "set role finops_owner; " + ALL,
    "set role finops_loader; select * from finops.fact_releve",
    "set role finops_transformer; select * from finops.fact_releve",
    "set role none; " + ALL,
    "reset role; " + ALL,
    "set session authorization postgres; " + ALL,
    "set session authorization default; " + ALL,
    "reset session authorization; " + ALL,
    "alter role current_user superuser",
    "alter role current_user createrole",
    "alter role finops_api superuser",
    "grant finops_owner to current_user",
    "grant pg_read_all_data to current_user; select * from finops.fact_releve",
    "create role mallory superuser login",
    # tables and functions behind the views
    "select * from finops.claim_keys",
    "select * from finops.reader_groups",
    "insert into finops.reader_groups (login, group_key) values (session_user, '*'); " + ALL,
    "select finops.store_claim_key('00000000000000000000000000000000')",
    "delete from finops.claim_keys",
    "select * from finops.fact_releve",
    "select * from finops.owned_releves",
    "select * from finops.mv_cost_app_month",
    "select * from finops.mv_group_tree",
    "select * from finops.api_audit",
    "select * from finops_reference.applications",
    "table raw_public_cloud.focus",
    "select finops.table_digest('finops.fact_releve')",
    "select query_to_xml('select * from finops.fact_releve', true, true, '')",
    "select database_to_xml(true, true, '')",
    "select table_to_xml('finops.fact_releve', true, true, '')",
    "select query_to_xml('select * from finops_api.visible_app_costs', true, true, '')",
    "copy finops.fact_releve to stdout",
    "copy (select * from finops.fact_releve) to stdout",
    "copy (select * from finops_api.visible_app_costs) to program 'cat'",
    "copy finops.reader_groups (login, group_key) from program 'echo x'",
    "select * from finops_api.visible_app_costs tablesample system (100)",
    "lock table finops.fact_releve in access exclusive mode",
    "select pg_get_viewdef('finops_api.visible_app_costs'::regclass)",
    "alter view finops_api.visible_app_costs set (security_barrier = false); " + ALL,
    "create or replace view finops_api.visible_app_costs as select * from finops.owned_releves",
    "create or replace function finops_api.caller_keys() returns text[] language sql as $$ select array['*'] $$; "
    + ALL,
    "alter function finops_api.caller_keys() reset search_path; " + ALL,
    "alter function finops_api.caller_keys() security invoker; " + ALL,
    "grant select on finops.fact_releve to current_user",
    "create table finops_api.mine (x text)",
    "create table public.mine (x text)",
    "create schema mine",
    "create extension dblink; select * from dblink('dbname=postgres', 'select 1') as t (x int)",
    "create extension postgres_fdw",
    "create extension file_fdw",
    "create extension plpython3u",
    "create publication mine for all tables",
    "select pg_create_logical_replication_slot('mine', 'test_decoding')",
    "select pg_switch_wal()",
    # names that caller_keys() could be made to take for its own
    f"set search_path = pg_temp, pg_catalog; create function pg_temp.current_setting(text, boolean) returns text"
    f" language sql as $$ select '{EVERYTHING}' $$; " + ALL,
    "set search_path = pg_temp, pg_catalog; create function pg_temp.sha256(bytea) returns bytea language sql immutable"
    " as $$ select '\\x00'::bytea $$; " + says(forged("*", "x" * 32)),
    "set search_path = pg_temp, pg_catalog; create function pg_temp.clock_timestamp() returns timestamptz language sql"
    " as $$ select 'epoch'::timestamptz $$; " + says(forged("*", expires=1)),
    "create temp table claim_keys (inner_pad bytea, outer_pad bytea, valid_to timestamptz); set search_path = pg_temp; "
    + says(forged("*", "x" * 32)),
    "create temp table reader_groups as select session_user as login, '*' as group_key; " + ALL,
    "create temp view pg_namespace as select null::oid as nspowner, 'finops'::name as nspname; " + ALL,
    "create operator pg_temp.= (leftarg = bytea, rightarg = bytea, function = byteage); set search_path = pg_temp,"
    " pg_catalog; " + says(forged("*", "x" * 32)),
    "create domain pg_temp.jsonb as text; set search_path = pg_temp, pg_catalog; " + ALL,
    "create cast (text as text[]) with inout as implicit; " + ALL,
    "set transform_null_equals = on; set array_nulls = off; set standard_conforming_strings = off; " + ALL,
    "set bytea_output = escape; set datestyle = 'SQL, DMY'; set timezone = 'Pacific/Apia'; " + ALL,
    "set timezone = '+999'; " + says(forged("*", expires=time.time() - 5)),
    "set plpgsql.variable_conflict = use_column; " + ALL,
    "set session_replication_role = replica; " + ALL,
    "set row_security = off; " + ALL,
    "set client_encoding = 'SQL_ASCII'; " + ALL,
    # functions and operators of the query that see rows before the view filters them
    PEEK + " $$ begin raise notice '%', $1; return true; end $$; " + ALL + " where pg_temp.peek(application_id)",
    PEEK + " $$ begin raise exception '%', $1; end $$; " + ALL + " where pg_temp.peek(group_id)",
    PEEK + " $$ begin perform set_config('my.loot', coalesce(current_setting('my.loot', true), '') || $1, false);"
    " return true; end $$; " + ALL + " where pg_temp.peek(application_id); select current_setting('my.loot')",
    ALL + " where application_id::int > 0",
    ALL + " where 1 / (case when group_id = 'payments' then 1 else 0 end) > 0",
    ALL + " where (total_cost::text || 'x')::numeric > 0",
    ALL + " where application_id ~ '(' || group_id",
    ALL + " where cast(group_id as date) > 'epoch'",
    ALL + " where total_cost / (total_cost - total_cost) > 0",
    ALL + " order by 1 / (total_cost - total_cost)",
    "select max(application_id), min(application_id) from finops_api.visible_app_costs",
    "select string_agg(application_id, ',') over () from finops_api.visible_app_costs",
    "select a.* from finops_api.visible_app_costs a full join finops_api.visible_applications b on true",
    "select * from finops_api.visible_app_costs a, lateral (select * from finops_api.visible_applications) b",
    "set enable_indexscan = off; set enable_bitmapscan = off; " + ALL,
    "set enable_material = off; set enable_memoize = off; set from_collapse_limit = 1; " + ALL,
    "set debug_parallel_query = on; set max_parallel_workers_per_gather = 4; set parallel_setup_cost = 0;"
    " set parallel_tuple_cost = 0; set min_parallel_table_scan_size = 0; " + ALL,
    "set jit = on; set jit_above_cost = 0; " + ALL,
    "set plan_cache_mode = force_generic_plan; prepare p as " + ALL + "; execute p",
    # what outlives a statement
    "prepare p as " + ALL + "; set finops.claims = ''; execute p; set role none; execute p",
    "begin; declare c cursor with hold for " + ALL + "; commit; set finops.claims = ''; fetch all from c",
    "begin isolation level repeatable read; " + ALL + "; set finops.claims = ''; " + ALL,
    "do $$ begin perform set_config('finops.claims', '*', false); end $$; " + ALL,
    "create temp table loot as " + ALL + "; select * from loot",
    "create temp view loot as " + ALL + "; select * from loot",
    "create materialized view pg_temp.loot as " + ALL,
    "select pg_export_snapshot()",
    # what others do, and what PostgreSQL knows of their rows
    "select * from pg_stat_activity",
    "select * from pg_settings",
    "select * from pg_file_settings",
    "select * from pg_hba_file_rules",
    "select * from pg_stats",
    "select * from pg_stats_ext",
    "select * from pg_statistic",
    "select * from pg_prepared_statements",
    "select * from pg_cursors",
    "select * from pg_locks",
    "select * from pg_authid",
    "select * from pg_shadow",
    "select * from pg_db_role_setting",
    "select * from pg_largeobject",
    "select * from pg_stat_statements",
    "select * from pg_get_backend_memory_contexts()",
    "select prosrc from pg_proc where proname = 'caller_keys'",
    "explain (analyze, verbose, settings, buffers) " + ALL,
    "explain (analyze, verbose, format json) select * from finops_api.visible_groups",
    "explain verbose " + ALL + " where application_id = any(array(select group_id from finops_api.visible_groups))",
    # the server's files, and other servers
    "select pg_read_file('PG_VERSION')",
    "select pg_read_binary_file('global/pg_control')",
    "select pg_ls_dir('.')",
    "select lo_import('/etc/passwd')",
    "select lo_export(1, 'loot')",
    "load 'plpgsql'",
    "alter system set log_statement = 'all'",
    "set log_statement = 'all'",
    "set log_min_duration_statement = 0; set log_parameter_max_length = -1",
    "select pg_reload_conf()",
    "select pg_rotate_logfile()",
    "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'postgres'",
    "listen everything; notify everything, 'x'",
)


@dataclass(frozen=True)
class Reader:
    """A login of a reader that may see payments, and the database as its owner sees it."""

    login: str
    admin: Database
    server: Embedded

    def session(self, kind: Kind, claim: str = PAYMENTS) -> Database:
        """A session as the API's pool has them, after it said who calls; or that of a BI tool, which says nothing."""
        connection = psycopg.connect(
            host=str(self.server.socket_folder),
            port=self.server.port,
            user=self.login,
            password=PASSWORD,
            dbname=self.admin.info.dbname,
            options=session_options(Settings()) if kind == "api" else None,
            autocommit=True,
        )
        if kind == "api" and claim:
            connection.execute("select set_config('finops.claims', %s, false)", [claim])
        return connection

    def state(self) -> list[tuple[Any, ...]]:
        """What nobody but the owner may change."""
        return self.admin.execute(
            "select (select md5(string_agg(k::text, ' ')) from finops.claim_keys k),"
            " (select md5(string_agg(g::text, ' ')) from finops.reader_groups g), (select count(*) from pg_roles),"
            " (select md5(string_agg(pg_get_functiondef(oid), '')) from pg_proc"
            "   where pronamespace in ('finops'::regnamespace, 'finops_api'::regnamespace)),"
            " (select md5(string_agg(concat(relname, relacl, reloptions, pg_get_viewdef(oid)), '' order by relname))"
            "   from pg_class where relnamespace = 'finops_api'::regnamespace),"
            " (select count(*) from pg_extension), (select count(*) from pg_auth_members),"
            " (select sum(total_cost) from finops.fact_releve)"
        ).fetchall()


@pytest.fixture
def reader(server: Embedded, costs: Database) -> Iterator[Reader]:
    """A login of the reader's role, as an administrator makes it."""
    name = f"reader_{costs.info.dbname}"
    login = sql.Identifier(name)
    with connected(server, costs.info.dbname) as admin:
        admin.execute(
            sql.SQL("create role {} login password {} in role finops_api").format(login, sql.Literal(PASSWORD))
        )
        admin.execute("insert into finops.reader_groups (login, group_key) values (%s, 'payments')", [name])
        try:
            yield Reader(name, admin, server)
        finally:
            admin.execute(sql.SQL("drop owned by {0} cascade; drop role {0}").format(login))


def loot_of(session: Database, attack: str) -> str:
    """Everything that a statement shows: rows, notices and errors."""
    shown: list[str] = []
    session.add_notice_handler(lambda notice: shown.append(str(notice.message_primary)))
    try:
        cursor = session.execute(attack.encode())
        while True:
            if cursor.description:
                shown += [str(row) for row in cursor.fetchall()]
            if not cursor.nextset():
                break
    except psycopg.Error as error:
        shown.append(str(error))
    return "\n".join(shown)


def groups_seen(session: Database) -> set[str]:
    """The groups of all rows that a session sees now; an error shows none."""
    found: set[str] = set()
    session.execute("rollback; reset client_encoding")
    for view in VIEWS:
        try:
            query = sql.SQL("select group_id from {}").format(sql.Identifier("finops_api", view))
            found |= {str(group) for (group,) in session.execute(query)}
        except psycopg.Error:
            continue
    return found


@pytest.mark.parametrize("kind", ["api", "bi"])
def test_no_statement_widens_what_a_session_sees(reader: Reader, kind: Kind) -> None:
    before = reader.state()
    with reader.session("api") as other:  # another request of the API, in a transaction
        other.execute("begin")
        other.execute("select set_config('finops.claims', %s, true)", [EVERYTHING])
        other.execute("select count(*) from finops_api.visible_app_costs")
        for attack in ATTACKS:
            with reader.session(kind) as session:
                loot = loot_of(session, attack)
                assert [secret for secret in SECRETS if secret in loot and secret not in attack] == [], attack
                assert groups_seen(session) <= {"payments"}, attack
    assert reader.state() == before


@pytest.mark.parametrize("kind", ["api", "bi"])
def test_a_session_sees_its_own_groups(reader: Reader, kind: Kind) -> None:
    with reader.session(kind) as session:
        assert groups_seen(session) == {"payments"}


def test_what_is_set_for_a_login_does_not_open_the_api(reader: Reader) -> None:
    with reader.session("bi") as session, pytest.raises(psycopg.errors.InsufficientPrivilege):
        session.execute("alter role current_user set finops.claims = ''")
    reader.admin.execute(f"alter role {reader.login} set finops.claims = ''".encode())
    with reader.session("bi") as session:
        for setting in ("role = none", "search_path = pg_temp", "default_transaction_read_only = off"):
            session.execute(f"alter role current_user set {setting}".encode())
    with reader.session("api", claim="") as session:
        assert groups_seen(session) == set()
        assert session.execute("select current_user").fetchone() == ("finops_api",)
    with reader.session("api") as session:
        assert groups_seen(session) == {"payments"}


@pytest.mark.parametrize("kind", ["api", "bi"])
@given(claim=st.text(st.characters(codec="utf-8", exclude_characters="\0")) | st.sampled_from([EVERYTHING, PAYMENTS]))
@settings(max_examples=times(30), suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_text_is_an_error_or_the_login_s_own(reader: Reader, kind: Kind, claim: str) -> None:
    said = claim[:-1] if claim in {EVERYTHING, PAYMENTS} else claim
    with reader.session(kind, claim=said) as session:
        if kind == "bi":
            session.execute("select set_config('finops.claims', %s, false)", [said])
        assert groups_seen(session) == (set() if said or kind == "api" else {"payments"})


@pytest.mark.parametrize("kind", ["api", "bi"])
@pytest.mark.parametrize(
    "statement",
    [
        "create temporary table mine (x text)",
        "create function pg_temp.mine() returns int language sql as 'select 1'",
        "create table public.mine (x text)",
        "select lo_create(0)",
        "select lo_creat(-1)",
        "select lo_from_bytea(0, 'loot')",
        "select lo_put(1, 0, 'loot')",
        "select lowrite(0, 'loot')",
        "select pg_advisory_lock(7061746)",
        "select pg_try_advisory_lock(7061746)",
        "select pg_advisory_xact_lock_shared(7061746)",
        "select pg_try_advisory_xact_lock(0, 7061746)",
    ],
)
def test_a_reader_leaves_nothing_behind(reader: Reader, kind: Kind, statement: str) -> None:
    assert reader.admin.execute("select finops.harden_database()").fetchone() == ([],)
    with reader.session(kind) as session:
        session.execute("set default_transaction_read_only = off")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            session.execute(statement.encode())


def test_who_may_not_harden_the_database_says_what_to_run(reader: Reader) -> None:
    reader.admin.execute(
        sql.SQL(
            "grant usage on schema finops to {};"
            " grant execute on function pg_advisory_lock(bigint), lo_create(oid) to public;"
            " grant temporary on database {} to public"
        ).format(sql.Identifier(reader.login), sql.Identifier(reader.admin.info.dbname))
    )
    with reader.session("bi") as session:
        [(refused,)] = session.execute("select finops.harden_database()").fetchall()
    assert isinstance(refused, list)
    rights = [re.findall("grant (temporary on database|execute on function)", line) for line in refused]
    assert sorted(rights) == [["execute on function"], ["temporary on database"]]
    for line in refused:
        reader.admin.execute(line.encode())
    assert reader.admin.execute("select finops.harden_database()").fetchone() == ([],)
    with reader.session("bi") as session, pytest.raises(psycopg.errors.InsufficientPrivilege):
        session.execute("create temporary table mine (x text)")
