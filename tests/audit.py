"""`make audit`: known vulnerabilities of the packages in requirements.lock, and of which packages nobody could say.

pip-audit asks PyPI's own interface, which a mirror of the package index rarely has, and then reports that it found
nothing. What PyPI does not know is asked of OSV (`--osv-url` names a mirror of it); what neither knows is listed.
Exit code 0: none is known. 1: some are. 3: no vulnerability is known, but not every package could be asked about.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click
from packaging.utils import canonicalize_name

LOCK = Path(__file__).resolve().parents[1] / "requirements.lock"
PIP_AUDIT = (str(Path(sys.executable).with_name("uv")), "tool", "run", "--quiet", "--from", "pip-audit==2.10.1")
OPTIONS = ("pip-audit", "--no-deps", "--disable-pip", "--progress-spinner", "off", "--format", "json")
FOUND, NOT_ASKED = 1, 3


@dataclass(frozen=True)
class Answer:
    """What a service said: `names==versions` that are vulnerable, with why; and those that it does not know."""

    found: tuple[str, ...]
    unknown: tuple[str, ...]
    problem: str = ""


def ask(service: str, requirements: Path, asked: Sequence[str], options: Sequence[str]) -> Answer:
    """Ask a service about the packages of a file; where it can't be asked, all that were `asked` are unknown."""
    command = [*PIP_AUDIT, *OPTIONS, "--vulnerability-service", service, "--requirement", str(requirements), *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return read(done.stdout, done.stderr, asked)


def read(stdout: str, stderr: str, asked: Sequence[str]) -> Answer:
    """Read pip-audit's answer; without one, the last line that it wrote says why."""
    try:
        packages = json.loads(stdout)["dependencies"]
    except ValueError:
        lines = stderr.strip().splitlines() or ["pip-audit gave no answer"]
        return Answer((), tuple(asked), lines[-1][:300])
    found = [
        f"{package['name']}=={package['version']}: {flaw['id']}, fixed by {', '.join(flaw['fix_versions']) or 'none'}"
        for package in packages
        for flaw in package.get("vulns", ())
    ]
    # what is skipped has no version; what this platform does not install is not there at all
    known = {canonicalize_name(package["name"]) for package in packages if "version" in package}
    return Answer(tuple(found), tuple(pin for pin in asked if canonicalize_name(pin.partition("==")[0]) not in known))


def pins() -> list[str]:
    """The packages of the lock, as `name==version`."""
    lines = LOCK.read_text(encoding="utf-8").splitlines()
    return [line.split()[0] for line in lines if "==" in line and not line.startswith((" ", "#"))]


def report(answers: dict[str, Answer], count: int) -> int:
    """Print what is known, and what nobody could say; return the exit code."""
    found = [line for answer in answers.values() for line in answer.found]
    unknown = list(answers.values())[-1].unknown
    for line in found:
        click.echo(line)
    for service, answer in answers.items():
        if answer.problem:
            click.echo(f"{service} could not be asked: {answer.problem}")
    if unknown:
        click.echo(f"Nobody could say anything of {len(unknown)} of {count} packages: {', '.join(unknown)}")
        click.echo("Name an OSV service that this machine reaches: make audit ARGS='--osv-url https://…/v1/query'")
    elif not found:
        click.echo(f"No vulnerability is known of {count} packages")
    return FOUND if found else NOT_ASKED if unknown else 0


def main(options: Sequence[str]) -> int:
    """Ask PyPI, then OSV about what PyPI does not know."""
    packages = pins()
    answers = {"PyPI": ask("pypi", LOCK, packages, options)}
    if rest := answers["PyPI"].unknown:
        with tempfile.TemporaryDirectory() as folder:
            requirements = Path(folder, "requirements.txt")
            requirements.write_text("\n".join(rest), encoding="utf-8")
            answers["OSV"] = ask("osv", requirements, rest, options)
    return report(answers, len(packages))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
