"""`make demo` and `make psql`, as a person runs them."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import psutil
import pytest

from tests.conftest import ROOT
from tests.pictures import lines

TOTALS = (
    "select period, domain, sum(total_cost), count(*), md5(string_agg(id::text, ',' order by id))"
    " from finops.fact_releve group by 1, 2 order by 1, 2"
)


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    """Where .finops goes; short, for the sake of the unix socket."""
    with tempfile.TemporaryDirectory(prefix="finops-home-") as folder:
        yield Path(folder)


@pytest.fixture
def empty_home() -> Iterator[Path]:
    """Another one, for a demo of its own."""
    with tempfile.TemporaryDirectory(prefix="finops-home-") as folder:
        yield Path(folder)


def demo(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """`python -m finops.demo …`, with nothing of this test's environment but the path."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(home), "FINOPS_HOME": str(home)}
    return subprocess.run(
        [sys.executable, "-m", "finops.demo", *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def first(home: Path) -> subprocess.CompletedProcess[str]:
    """The first run of the demo."""
    return demo(home, "--as-of", "2026-11-22")


def test_the_demo_prints_what_a_person_wants_to_see(first: subprocess.CompletedProcess[str]) -> None:
    assert first.returncode == 0, first.stderr
    for expected in (
        "SUCCESS",
        "Relevés by source",
        "Cost by month and domain",
        "Most expensive applications",
        "NO_PRICE",
        "Next:",
        "make api    # then open http://127.0.0.1:8000/ in a browser",
    ):
        assert expected in first.stdout


def test_the_readmes_picture_shows_the_demos_real_output(first: subprocess.CompletedProcess[str]) -> None:
    shown = [line for line in lines(ROOT / "docs" / "images" / "demo.svg") if re.search(r"\d\.\d", line)]
    assert len(shown) > 10
    printed = [line.rstrip() for line in first.stdout.splitlines()]
    assert [line for line in shown if line not in printed] == [], "run `make pictures`"


@pytest.mark.usefixtures("first")
def test_the_readmes_other_picture_shows_the_real_coverage(home: Path) -> None:
    shown = [line for line in lines(ROOT / "docs" / "images" / "coverage.svg") if re.search(r"│.*\d\.\d", line)]
    assert len(shown) > 10
    printed = demo(home, "run", "--", "finops", "coverage", "--period", "2026-11", "--limit", "6").stdout
    assert [line for line in shown if line not in printed] == [], "run `make pictures`"


@pytest.mark.usefixtures("first")
def test_the_readmes_query_prints_what_it_shows(home: Path) -> None:
    example = re.search(r"```sql\n(.*?)```\n\n```\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert example is not None
    assert max(len(line) for line in example[2].splitlines()) < 100
    printed = demo(home, "psql", "--", "-P", "pager=off", "-c", example[1]).stdout
    assert [line.rstrip() for line in printed.split("\n") if line] == example[2].splitlines()


@pytest.mark.usefixtures("first")
def test_running_the_demo_again_changes_no_total(home: Path) -> None:
    before = demo(home, "psql", "--", "-Atc", TOTALS).stdout
    assert len(before.splitlines()) == 14 * 4
    assert demo(home).returncode == 0
    assert demo(home, "psql", "--", "-Atc", TOTALS).stdout == before


@pytest.mark.usefixtures("first")
def test_the_demo_has_a_year_to_compare(home: Path) -> None:
    year = (
        "select application_id, round(sum(total_cost) filter (where period = '2025-10-01')),"
        " round(sum(total_cost) filter (where period = '2026-10-01')) from finops.mv_cost_app_month"
        " where application_id in ('FRAUD', 'TILLS') group by 1 order by 1"
    )
    assert demo(home, "psql", "--", "-Atc", year).stdout == "FRAUD|474|1243\nTILLS|914|\n"
    missing = "select count(*) from finops.mv_source_month where missing_days > 0"
    assert demo(home, "psql", "--", "-Atc", missing).stdout == "0\n"


@pytest.mark.usefixtures("first")
def test_a_command_on_the_demo_reaches_its_sources(home: Path) -> None:
    done = demo(home, "run", "--", "finops", "doctor")
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    # long after the demo's last day, the doctor may doubt a bill that ends then
    assert len(re.findall(r"^[✓!] [a-z]+[.][a-z_]+: ", done.stdout, re.MULTILINE)) == 15


@pytest.mark.usefixtures("first")
def test_every_source_of_the_demo_reconciles_and_none_is_missing(home: Path) -> None:
    query = "select string_agg(distinct source, ',' order by source), count(*) filter (where status <> 'PUBLISHED')"
    shown = demo(home, "psql", "--", "-Atc", f"{query} from finops.etl_reconciliations").stdout
    assert shown == (
        "artifactory.storage,cloudkitty.usage,cmdb.disk,cmdb.legacy_storage,cmdb.vm,cube.usage,focus.aws,focus.azure,"
        "gitlab.ci_minutes,gitlab.storage,http.helpdesk,http.platform,kubernetes.allocation,openstack.usage|0\n"
    )


@pytest.mark.usefixtures("first")
def test_the_demo_s_applications_change_hands_and_leave(home: Path) -> None:
    owners = (
        "select string_agg(group_id || ' ' || valid_from, ',' order by valid_from) from finops.dim_application_owner"
    )
    moved = f"select ({owners} where application_id = 'SEARCH')"
    left = "(select left_on from finops.dim_application where application_id = 'DELIVERY')"
    shown = demo(home, "psql", "--", "-Atc", f"{moved}, {left}").stdout
    assert shown == "storefront 0001-01-01,data-platform 2026-10-15|2026-11-10\n"


@pytest.mark.usefixtures("first")
def test_the_curl_examples_print_what_the_page_shows(home: Path) -> None:
    page = (ROOT / "docs" / "api.md").read_text()
    examples = re.findall(r"^    (curl [^\n]*)\n\n```\n(.*?)```", page, re.MULTILINE | re.DOTALL)
    assert len(examples) == 4
    with served(home) as address:
        for command, shown in examples:
            done = subprocess.run(
                ["/bin/sh", "-c", command.replace("http://127.0.0.1:8000", address)],
                capture_output=True,
                text=True,
                check=True,
            )
            assert without_as_of(done.stdout.rstrip("\n")) == without_as_of(shown.rstrip("\n"))


def without_as_of(text: str) -> str:
    """An answer without the time of its last run."""
    return re.sub(r'("as_of": ")[^"]+', r"\1…", text)


@contextmanager
def served(home: Path) -> Iterator[str]:
    """What `make api` does, on a free port; yields its address."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(home), "FINOPS_HOME": str(home)}
    finops_api = str(Path(sys.executable).with_name("finops-api"))
    command = [sys.executable, "-m", "finops.demo", "run", "--", finops_api, "serve", "--insecure-local", "--port", "0"]
    child = subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True)
    try:
        assert child.stderr is not None
        for line in child.stderr:
            if found := re.search(r"running on (http://[^ ]+)", line):
                yield found[1]
                break
    finally:
        child.terminate()
        child.wait(30)


def test_ctrl_c_leaves_no_process_behind(empty_home: Path) -> None:
    environment = {"PATH": os.environ["PATH"], "HOME": str(empty_home), "FINOPS_HOME": str(empty_home)}
    command = [sys.executable, "-m", "finops.demo", "--as-of", "2026-11-22", "--months", "2"]
    child = subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
        # a shell lets its background jobs ignore Ctrl-C, and they would hand that down
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 it does nothing else
    )
    assert child.stderr is not None
    child.stderr.readline()  # the run has begun
    os.killpg(child.pid, signal.SIGINT)
    child.communicate(timeout=60)
    assert child.returncode != 0
    time.sleep(0.5)
    assert [
        process.pid for process in psutil.process_iter(["cmdline"]) if str(empty_home) in str(process.info["cmdline"])
    ] == []
