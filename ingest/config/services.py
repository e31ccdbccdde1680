"""What can be set for each kind of source. What a MongoDB URI says is not said again, but for how it is read."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, Secret, SecretStr, model_validator

from finops.ingest.config.cmdb import Cmdb
from finops.ingest.config.sections import Budgeted
from finops.ingest.config.transport import OverHttp
from finops.ingest.config.values import (
    CertificateFile,
    HeaderName,
    HttpAddress,
    JsonObject,
    Names,
    SecretObject,
)

_TOGETHER = {  # a way to authenticate, by the setting that chooses it: what belongs to it
    "token": (),
    "username": ("password",),
    "token_url": ("client_id", "client_secret"),
}
_WITH = {"token": ("token_header",), "token_url": ("scope",)}  # what may come with it


class HttpService(OverHttp, Budgeted):
    """A service over HTTP: its address, what is presented to it, and what more it is asked."""

    url: HttpAddress
    """Address of the service"""
    token: SecretStr | None = None
    """Its token (a secret)"""
    token_header: HeaderName | None = None
    """Header that carries the token, `Authorization` as a bearer; empty: the product's"""
    username: str | None = None
    """User, where the service wants HTTP basic authentication"""
    password: SecretStr | None = None
    """That user's password (a secret)"""
    token_url: HttpAddress | None = None
    """Address that gives OAuth2 tokens for client credentials"""
    client_id: str | None = None
    """OAuth2 client"""
    client_secret: SecretStr | None = None
    """That client's secret (a secret)"""
    scope: str | None = None
    """OAuth2 scope to ask for"""
    ca_bundle: CertificateFile | None = None
    """PEM file of the authorities to trust; empty: the public ones"""
    params: JsonObject = Field(default_factory=dict)
    """JSON of more query parameters; `{day}` asks for one day's state"""

    @model_validator(mode="after")
    def _one_way_to_authenticate(self) -> Self:
        ways = [way for way in _TOGETHER if getattr(self, way) is not None]
        if len(ways) > 1:
            raise ValueError(f"{' and '.join(ways)} are set: keep one way to authenticate")
        for way, others in _TOGETHER.items():
            needed = (way, *others)
            present = [key for key in (*needed, *_WITH.get(way, ())) if getattr(self, key) is not None]
            missing = [key for key in needed if getattr(self, key) is None]
            if present and missing:
                raise ValueError(f"{present[0]} is set without {missing[0]}: set both")
        return self


class CloudKitty(HttpService):
    """CloudKitty, which says the same in two ways."""

    endpoint: Literal["dataframes", "summary"] = "dataframes"
    """What CloudKitty is asked: `dataframes`, or their `summary` a day"""


class GitLab(HttpService):
    """GitLab."""

    ci_namespaces: Names | None = None
    """JSON list of top-level groups whose CI minutes are read, such as `["gid://gitlab/Group/42"]`; `[]`: the
    token's own namespace; empty: none are read"""


class Cube(HttpService):
    """Cube, which answers what a company asks of its own model."""

    query: JsonObject
    """JSON of Cube's query, with `{day}` in its dateRange"""


class FocusExport(OverHttp, Budgeted):
    """The FOCUS exports of one provider or account."""

    url: str
    """Folder or bucket URL of FOCUS exports; `{period}` stands for YYYY-MM"""
    version: Annotated[Literal["1.0", "1.1", "1.2", "1.3", "1.4"], BeforeValidator(str)] | None = None
    """FOCUS version that its files are held to, such as 1.2; empty: by their columns"""
    domain: str = "public_cloud"
    """Domain of its costs: one of `domains` in finops.toml, such as `saas` for the bill of a SaaS provider"""
    tax: Literal["cost", "apart"] = "cost"
    """`cost`: tax is a cost like any other; `apart`: it is kept and reconciled beside the cost, in none"""
    storage_options: SecretObject = Secret({})
    """JSON of fsspec options for the bucket (a secret)"""


SERVICES: dict[str, type[Cmdb | HttpService]] = {
    "backstage": HttpService,
    "cmdb": Cmdb,
    "openstack": HttpService,
    "cloudkitty": CloudKitty,
    "opencost": HttpService,
    "gitlab": GitLab,
    "artifactory": HttpService,
    "cube": Cube,
}
