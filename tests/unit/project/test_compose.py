"""The compose file of a new project: one that Docker takes, with commands, settings and files that exist."""

from __future__ import annotations

import re
import shutil
import subprocess
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from finops.api.__main__ import cli as finops_api
from finops.api.settings import Settings
from finops.ingest.cli import cli as finops
from finops.ingest.config.sections import Schedule
from finops.ingest.project.create import create, files
from tests.conftest import ROOT

TEXT = files()[Path("compose.yaml")]
COMPOSE: Mapping[str, Any] = yaml.safe_load(TEXT)
SERVICES: Mapping[str, Mapping[str, Any]] = COMPOSE["services"]
OURS = {name: service for name, service in SERVICES.items() if name != "postgres"}
LIBPQ = {f"PG{name}" for name in ("HOST", "PORT", "USER", "PASSWORD", "DATABASE", "SSLMODE")}
COMMANDS = {"finops": finops, "finops-api": finops_api}


def has_compose() -> bool:
    """Whether Docker has its compose plugin here."""
    docker = shutil.which("docker")
    return (
        docker is not None
        and not subprocess.run([docker, "compose", "version"], capture_output=True, check=False).returncode
    )


@pytest.mark.skipif(not has_compose(), reason="`docker compose config` reads it as Docker does")
def test_docker_takes_it(tmp_path: Path) -> None:
    create(tmp_path)
    (tmp_path / ".env").write_text("PGPASSWORD=made-up\n", encoding="utf-8")
    command = ["docker", "compose", "config", "--quiet"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_it_starts_a_database_the_nightly_by_schedule_and_the_api() -> None:
    assert {name: service["command"] for name, service in OURS.items()} == {
        "nightly": ["finops", "serve-schedule"],
        "api": ["finops-api", "serve"],
    }
    assert all(service["depends_on"] == {"postgres": {"condition": "service_healthy"}} for service in OURS.values())


@pytest.mark.parametrize(
    "command", re.findall(r"^#   docker compose (?:exec|run .*?) \w+ (finops.*)$", TEXT, re.MULTILINE)
)
def test_a_command_that_it_names_can_be_typed(command: str) -> None:
    program, name, *arguments = re.split(r" +", re.sub(r" *(?:#|>>).*", "", command))
    group: click.Group = COMMANDS[program]
    group.commands[name].make_context(name, arguments)


def test_its_image_is_this_version() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    assert {service["image"] for service in OURS.values()} == {f"${{FINOPS_IMAGE:-finops:{version}}}"}


def test_the_password_comes_from_a_file_that_git_ignores() -> None:
    passwords = {
        value for service in SERVICES.values() for key, value in service["environment"].items() if "PASS" in key
    }
    assert passwords == {"${PGPASSWORD:?copy .env.example to .env and choose a password}"}
    assert ".env" in files()[Path(".gitignore")].splitlines()


def test_what_it_takes_from_the_environment_is_explained_or_has_a_default() -> None:
    taken = set(re.findall(r"\$\{(\w+):\?", TEXT)) | {"FINOPS_USER", "FINOPS_IMAGE"}
    assert {
        name for name in taken if not re.search(rf"^#?{name}=", files()[Path(".env.example")], re.MULTILINE)
    } == set()
    assert re.findall(r"(?<!\$)\$\{(\w+)\}", TEXT) == []


def test_its_variables_are_ours() -> None:
    api = {f"FINOPS_API_{name.upper()}" for name in Settings.model_fields}
    loader = {"FINOPS_PROJECT", *(f"SCHEDULE__{name.upper()}" for name in Schedule.model_fields)}
    set_here = {name for service in OURS.values() for name in service["environment"]}
    assert set_here <= api | loader | LIBPQ


def test_only_this_host_reaches_it() -> None:
    ports = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert len(ports) == 2
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_it_writes_nothing_but_working_files_and_the_database() -> None:
    for service in OURS.values():
        assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"])
        mounts = [volume for volume in service["volumes"] if not volume.endswith(":ro")]
        writable = [mount.split(":")[1] for mount in mounts] + [path.split(":")[0] for path in service.get("tmpfs", [])]
        assert writable == ["/tmp"]  # noqa: S108 the container's
    assert {volume.split(":")[0] for volume in SERVICES["postgres"]["volumes"]} <= COMPOSE["volumes"].keys()


def test_the_api_sees_its_tokens_and_no_other_file_of_the_project() -> None:
    (mount,) = SERVICES["api"]["volumes"]
    host, container, _ = mount.split(":")
    tokens = Path(SERVICES["api"]["environment"]["FINOPS_API_TOKENS_FILE"])
    assert Path(host, tokens.relative_to(container)) in files()


def test_health_is_asked_where_it_is_served() -> None:
    asked = {
        name: re.search(r"http://([\d.]+:\d+)", str(service["healthcheck"]["test"])) for name, service in OURS.items()
    }
    assert all(asked.values())
    found = {name: match[1] for name, match in asked.items() if match}
    port = Settings.model_fields["port"].default
    assert found == {"nightly": SERVICES["nightly"]["environment"]["SCHEDULE__LISTEN"], "api": f"127.0.0.1:{port}"}
