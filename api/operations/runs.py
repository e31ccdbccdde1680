"""The runs, from the views that show them to callers who may see everything."""

# ruff: noqa: S608 - every piece of these texts is written here
from __future__ import annotations

from datetime import datetime
from http import HTTPStatus
from typing import Any, Literal
from uuid import UUID

from pydantic import Field

from finops.api.database import Connection
from finops.api.http.cursors import damaged
from finops.api.http.paging import Paging
from finops.api.http.problems import ProblemError, not_found
from finops.api.operations.schemas import Kind, OneRun, Run, RunScope, Status, Step

REMEDY = (
    "a run is about every group, and so it is for callers who may see everything: `finops-api token NAME --everything`"
    ' makes such a token, and `"*"` in the `scopes` of FINOPS_API_ISSUERS lets a group see it'
)
INSTANT = """to_char({0} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')"""
SECONDS = "round(extract(epoch from end_time - start_time), 3) as seconds"
FACTS = f"""
    run_id::text as run_id, kind, status, {INSTANT.format("start_time")} as started_at,
    {INSTANT.format("end_time")} as ended_at, {SECONDS}, volume_processed as records,
    (select to_char(min(month), 'YYYY-MM') from unnest(periods) as months (month)) as "from",
    (select to_char(max(month), 'YYYY-MM') from unnest(periods) as months (month)) as "to", reason, error, started_by
"""
# In a cell of CSV: `2026-09 -12.5; 2026-10 3`, `cmdb.vm 2026-09; focus.aws 2026-09`.
TABLE = f"""{FACTS},
    (select string_agg(key || ' ' || value, '; ' order by key) from jsonb_each_text(changes)) as changes,
    nullif(array_to_string(waiting_scopes, '; '), '') as waiting
"""
TABLE_COLUMNS = "run_id,kind,status,started_at,ended_at,seconds,records,from,to,reason,error,started_by,changes,waiting"
STEPS = f"""
    select step, source, status, {SECONDS}, row_count as rows, error from finops_api.visible_run_steps
    where run_id = %(run_id)s order by step_id
"""
SCOPES = """
    select source, to_char(period, 'YYYY-MM') as period, attempt, status, refusal, records_landed, records_released,
        records_rejected, records_set_apart, records_duplicate, trim_scale(cost_before) as cost_before,
        trim_scale(cost_after) as cost_after
    from finops_api.visible_run_scopes
    where run_id = %(run_id)s order by visible_run_scopes.period, source, attempt
"""


class RunParameters(Paging):
    """Which runs."""

    status: list[Status] = Field(
        default_factory=list, max_length=3, description="Only runs of this status; repeat it for several"
    )
    kind: list[Kind] = Field(
        default_factory=list, max_length=3, description="Only runs of this kind; repeat it for several"
    )


async def check_shown(connection: Connection) -> None:
    """Check that the caller may see runs, by what PostgreSQL itself goes by.

    Raises:
        ProblemError: 403 that says who may.
    """
    [row] = await connection.rows(dict, "select finops_api.caller_keys() @> array['*'] as is_shown")
    if not row["is_shown"]:
        raise ProblemError(HTTPStatus.FORBIDDEN, REMEDY)


async def currency(connection: Connection) -> str | None:
    """The reporting currency."""
    [row] = await connection.rows(dict, "select reporting_currency from finops_api.data_version")
    found: str | None = row["reporting_currency"]
    return found


def listing(
    asked: RunParameters, after: tuple[datetime, UUID] | None, *, kind: Literal["table", "page"]
) -> tuple[str, dict[str, Any]]:
    """A query of runs, the newest first, and its parameters: all as a table, or a page after a run."""
    values: dict[str, Any] = {"status": asked.status, "kind": asked.kind}
    conditions = [f"{name} = any(%({name})s)" for name, wanted in values.items() if wanted]
    if kind == "page" and after:
        values |= {"after_start": after[0], "after_id": after[1]}
        conditions.append("(start_time, run_id) < (%(after_start)s, %(after_id)s)")
    where = f"where {' and '.join(conditions)}" if conditions else ""
    columns = TABLE if kind == "table" else f"{FACTS}, changes, waiting_scopes"
    limit = "" if kind == "table" else f"limit {asked.limit + 1}"
    query = f"""
        select {columns} from finops_api.visible_runs {where}
        order by start_time desc, visible_runs.run_id desc {limit}"""
    return query, values


def position(values: list[str] | None) -> tuple[datetime, UUID] | None:
    """The run that the page before ended with.

    Raises:
        ProblemError: 422 where it is none.
    """
    if values is None:
        return None
    try:
        return datetime.fromisoformat(values[0]), UUID(values[1])
    except ValueError as error:
        raise damaged() from error


async def one(connection: Connection, run_id: UUID) -> OneRun:
    """A run, with all that it did.

    Raises:
        ProblemError: 404 where there is none.
    """
    query = f"select {FACTS}, changes, waiting_scopes from finops_api.visible_runs where run_id = %(run_id)s"
    for row in await connection.rows(dict, query, {"run_id": run_id}):
        found = {
            **structured(row),
            "currency": await currency(connection),
            "steps": await connection.rows(Step, STEPS, {"run_id": run_id}),
            "scopes": await connection.rows(RunScope, SCOPES, {"run_id": run_id}),
        }
        return OneRun.model_validate(found)
    raise not_found(f"there is no run '{run_id}': `/v1/runs` lists them")


def run(row: dict[str, Any]) -> Run:
    """A run of a page."""
    return Run.model_validate(structured(row))


def structured(row: dict[str, Any]) -> dict[str, Any]:
    """A row, with what it changed and what waits as lists of their parts."""
    waiting = sorted((scope.rpartition(" ")[::2] for scope in row["waiting_scopes"]), key=lambda scope: scope[::-1])
    return {
        **row,
        "changes": [{"period": period, "amount": amount} for period, amount in sorted(row["changes"].items())],
        "waiting": [{"source": source, "period": period} for source, period in waiting],
    }
