"""The application, made from its settings: nothing here reads the environment, or connects before it is served."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import Depends, FastAPI
from fastapi.middleware.cors import CORSMiddleware
from fastapi.middleware.gzip import GZipMiddleware
from fastapi.middleware.trustedhost import TrustedHostMiddleware

from finops.api.auth.audit import Audit
from finops.api.auth.authenticator import Authenticator, authenticate
from finops.api.auth.rate_limit import RateLimit
from finops.api.auth.strangers import Door
from finops.api.backstage.cost_insights import routes as cost_insights
from finops.api.backstage.infrawallet import routes as infrawallet
from finops.api.catalogue import owners
from finops.api.catalogue import routes as catalogue
from finops.api.costs import routes as costs
from finops.api.costs.coverage import routes as coverage
from finops.api.database import create_pool
from finops.api.http import probes, problems
from finops.api.http.access_log import AccessLog
from finops.api.http.metrics import Metrics
from finops.api.http.openapi import DocumentedAPI
from finops.api.operations import routes as operations
from finops.api.page import routes as page
from finops.api.page.files import files
from finops.api.settings import Settings

LOOPBACK = ("127.0.0.1", "::1", "localhost")
DESCRIPTION = """
What applications, groups, domains and product families cost, month by month: read-only, from the aggregates that the
last nightly published. You see the groups that your token is for; everything else does not exist for you.

- **Money** is an exact decimal, as text, in the `currency` beside it. Months are `YYYY-MM`.
- **The sum is the same whatever the grouping**: `total` is of all lines, on all pages.
- **How far to trust it**: `as_of` is the end of the last successful run; `open_months` may still change; `estimated`
  is based on an earlier day's snapshot; `coverage` says what no application claims, and what could not be valued and is
  in no cost.
- **Pages**: `next` is the `cursor` of the next page, and the `Link` header leads to it. With `Accept: text/csv` there
  are no pages.
- **Caching**: send the `ETag` back in `If-None-Match`; the answer is 304 until it would be another one,
  such as after a run published something.
- **Errors** are problems of RFC 9457; `errors` names the parameter and, where it is a choice, what it allows.
"""
TAGS = [
    {"name": "costs", "description": "What things cost, by what, and since when."},
    {"name": "coverage", "description": "What is not allocated, not measured or not valued, and what to mend."},
    {"name": "catalogue", "description": "What there is to ask about."},
    {"name": "operations", "description": "Who you are here, and how the runs went."},
    {"name": "probes", "description": "For whoever runs it. They ask for no token, and show no cost."},
]


def create_app(settings: Settings, *, insecure_local: bool = False) -> FastAPI:
    """The API, for an ASGI server; `insecure_local` authenticates everybody, and is for a loopback address alone.

    The database may be down when it starts: answers are 503 until it is back.
    """
    audit = Audit(settings)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        files()
        app.state.pool = create_pool(settings, as_login=insecure_local)
        await app.state.pool.open(wait=False)
        try:
            async with audit.writing():
                yield
        finally:
            await app.state.pool.close()

    app = DocumentedAPI(
        title="FinOps API",
        version="1.0.0",
        description=DESCRIPTION,
        lifespan=lifespan,
        openapi_url=None,  # DocumentedAPI has its own
        docs_url=None,  # its page loads scripts from elsewhere: ours is in page/
        redoc_url=None,
        redirect_slashes=False,
        openapi_tags=TAGS,
        servers=[{"url": "./", "description": "where this document is"}],  # a proxy may have the API below a path
    )
    app.state.rate_limit = RateLimit(settings.rate_limit)
    app.state.csv_lines = settings.csv_lines
    key = settings.claims_key if not insecure_local else None
    app.state.claims_key = key.get_secret_value().encode() if key else None
    app.state.metrics = Metrics(app.state)
    app.state.is_audited = audit.is_on
    app.state.readiness = probes.Readiness(app.state)
    problems.install(app)
    app.include_router(probes.router)
    app.include_router(page.router)
    data = (catalogue.router, owners.router, costs.router, coverage.router, operations.router)
    for router in (*data, cost_insights.router, infrawallet.router):
        app.include_router(router, dependencies=[Depends(authenticate)])
    if insecure_local:
        # a web page can make its own name point at this machine, and would be authenticated
        app.add_middleware(TrustedHostMiddleware, allowed_hosts=[*LOOPBACK, "[::1]"])
    if settings.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.cors_origins,
            allow_methods=["GET"],
            allow_headers=["Authorization", "If-None-Match"],
            expose_headers=["ETag", "Link", "Retry-After"],
        )
    app.add_middleware(GZipMiddleware, minimum_size=1000, compresslevel=5)
    app.add_middleware(
        Door,
        authenticator=Authenticator(settings, everybody=insecure_local),
        limit=settings.stranger_limit,
        preflights=bool(settings.cors_origins),
    )
    app.add_middleware(AccessLog, metrics=app.state.metrics, audit=audit, stall_timeout=settings.stall_timeout)
    return app
