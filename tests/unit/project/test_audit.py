"""`make audit` never takes silence for safety: what no service knows is listed, with an exit code of its own."""

import json

import pytest

from tests.audit import FOUND, NOT_ASKED, Answer, pins, read, report

ASKED = ["good==1.0", "bad==2.0", "Not_There==3.0", "pywin==4.0"]
# As pip-audit 2.10 writes it: what is skipped has no version, what the platform does not install is left out.
SAID = json.dumps(
    {
        "dependencies": [
            {"name": "good", "version": "1.0", "vulns": []},
            {"name": "bad", "version": "2.0", "vulns": [{"id": "PYSEC-2026-1", "fix_versions": ["2.1"]}]},
            {"name": "not-there", "skip_reason": "Dependency not found on PyPI and could not be audited"},
        ]
    }
)


def test_what_is_vulnerable_is_named_and_what_is_skipped_or_left_out_is_unknown() -> None:
    answer = read(SAID, "No known vulnerabilities found", ASKED)
    assert answer.found == ("bad==2.0: PYSEC-2026-1, fixed by 2.1",)
    assert answer.unknown == ("Not_There==3.0", "pywin==4.0")


def test_a_service_that_is_not_reached_knows_nothing_and_the_reason_is_kept() -> None:
    answer = read("", "Traceback …\nConnectionError: no route to the service\n", ASKED)
    assert answer == Answer((), tuple(ASKED), "ConnectionError: no route to the service")


@pytest.mark.parametrize(
    ("answers", "code", "said"),
    [
        ({"PyPI": Answer((), ())}, 0, "No vulnerability is known of 2 packages"),
        ({"PyPI": Answer((), ("a==1",)), "OSV": Answer((), ())}, 0, "No vulnerability is known"),
        ({"PyPI": Answer((), ("a==1",)), "OSV": Answer((), ("a==1",))}, NOT_ASKED, "of 1 of 2 packages: a==1"),
        ({"PyPI": Answer(("b==2: X",), ("a==1",)), "OSV": Answer((), ("a==1",), "down")}, FOUND, "b==2: X"),
        ({"PyPI": Answer((), ("a==1",)), "OSV": Answer(("a==1: X",), ())}, FOUND, "a==1: X"),
    ],
)
def test_the_exit_code_tells_a_finding_from_a_question_that_could_not_be_asked(
    answers: dict[str, Answer], code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert report(answers, 2) == code
    assert said in capsys.readouterr().out


def test_every_package_of_the_lock_is_asked_about() -> None:
    assert len(pins()) > 100
    assert all(pin.count("==") == 1 for pin in pins())
