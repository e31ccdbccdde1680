"""What deploy/ renders to: objects that Kubernetes knows, and the promises that deploy/README.md makes."""

from __future__ import annotations

import copy
import re
import shutil
import subprocess
import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import click
import kubernetes_validate
import pytest
import yaml

from finops.api.__main__ import cli as finops_api
from finops.ingest.cli import cli as finops
from tests.conftest import ROOT

OVERLAYS = ("small", "production")
OLDEST, NEWEST = "1.31", kubernetes_validate.latest_version()  # 1.31: the first in which podFailurePolicy is settled
COMMANDS = {"finops": finops, "finops-api": finops_api}
RUN_ID = "metadata.labels['batch.kubernetes.io/controller-uid']"

Object = Mapping[str, Any]

needs_kubectl = pytest.mark.skipif(shutil.which("kubectl") is None, reason="renders deploy/ by `kubectl kustomize`")


@cache
def rendered(overlay: str) -> list[Object]:
    """The objects of an overlay, as kubectl would send them."""
    command = ["kubectl", "kustomize", str(ROOT / "deploy" / "overlays" / overlay)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return list(yaml.safe_load_all(done.stdout))


def of_kind(overlay: str, kind: str) -> dict[str, Object]:
    """The objects of a kind, by name."""
    return {found["metadata"]["name"]: found for found in rendered(overlay) if found["kind"] == kind}


def pods(overlay: str) -> dict[str, Object]:
    """The pod of every CronJob and Deployment, by name: metadata and spec."""
    of_jobs = {
        name: job["spec"]["jobTemplate"]["spec"]["template"] for name, job in of_kind(overlay, "CronJob").items()
    }
    return of_jobs | {name: found["spec"]["template"] for name, found in of_kind(overlay, "Deployment").items()}


def containers(overlay: str) -> Iterator[Object]:
    """Every container, also those that an overlay would add."""
    for pod in pods(overlay).values():
        yield from pod["spec"]["containers"]
        yield from pod["spec"].get("initContainers", [])


@needs_kubectl
@pytest.mark.parametrize("version", [OLDEST, NEWEST])
@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_object_is_one_that_kubernetes_knows(overlay: str, version: str) -> None:
    for found in rendered(overlay):
        kubernetes_validate.validate(copy.deepcopy(dict(found)), version, strict=True)


@needs_kubectl
def test_an_object_that_kubernetes_does_not_know_is_noticed() -> None:
    wrong = copy.deepcopy(dict(of_kind("small", "CronJob")["finops-nightly"]))
    wrong["spec"]["concurencyPolicy"] = wrong["spec"].pop("concurrencyPolicy")
    with pytest.raises(kubernetes_validate.ValidationError, match="concurencyPolicy"):
        kubernetes_validate.validate(wrong, NEWEST, strict=True)


@needs_kubectl
@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_pod_is_restricted(overlay: str) -> None:
    namespace = of_kind(overlay, "Namespace")["finops"]["metadata"]["labels"]
    assert namespace["pod-security.kubernetes.io/enforce"] == "restricted"
    for pod in pods(overlay).values():
        spec = pod["spec"]
        assert spec["securityContext"] == {
            "runAsNonRoot": True,
            "runAsUser": 10001,
            "runAsGroup": 10001,
            "fsGroup": 10001,
            "seccompProfile": {"type": "RuntimeDefault"},
        }
        assert (spec["automountServiceAccountToken"], spec["serviceAccountName"]) == (False, "finops")
        assert {"hostNetwork", "hostPID", "hostIPC"} & set(spec) == set()
    for container in containers(overlay):
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
    account = of_kind(overlay, "ServiceAccount")["finops"]
    assert account["automountServiceAccountToken"] is False


@needs_kubectl
@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_uid_is_the_image_s(overlay: str) -> None:
    user = re.search(r"^USER (\d+):(\d+)$", (ROOT / "Dockerfile").read_text(encoding="utf-8"), re.MULTILINE)
    assert user is not None
    uids = {
        (str(pod["spec"]["securityContext"]["runAsUser"]), str(pod["spec"]["securityContext"]["runAsGroup"]))
        for pod in pods(overlay).values()
    }
    assert uids == {user.groups()}


@needs_kubectl
@pytest.mark.parametrize("overlay", OVERLAYS)
def test_what_is_written_goes_to_one_bounded_folder(overlay: str) -> None:
    for pod in pods(overlay).values():
        writable = [volume for volume in pod["spec"]["volumes"] if "emptyDir" in volume]
        assert [(volume["name"], "sizeLimit" in volume["emptyDir"]) for volume in writable] == [("tmp", True)]
    for container in containers(overlay):
        written = [mount["mountPath"] for mount in container["volumeMounts"] if not mount.get("readOnly")]
        assert written == ["/tmp"]  # noqa: S108 the pod's


@needs_kubectl
@pytest.mark.parametrize("overlay", OVERLAYS)
def test_secrets_are_references(overlay: str) -> None:
    assert of_kind(overlay, "Secret") == {}
    values = {
        entry["name"]: entry["value"]
        for container in containers(overlay)
        for entry in container.get("env", [])
        if "value" in entry
    }
    assert set(values) <= {"FINOPS_API_HOST", "FINOPS_API_TOKENS_FILE"}
    for found in of_kind(overlay, "ConfigMap").values():
        keys = re.findall(
            r"\w*(?:token|password|secret|uri|storage_options|client_id)\w*\s*=", "".join(found["data"].values())
        )
        assert keys == []


@needs_kubectl
@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_container_asks_for_what_it_needs_and_is_held_to_it(overlay: str) -> None:
    for container in containers(overlay):
        for kind in ("requests", "limits"):
            assert set(container["resources"][kind]) == {"cpu", "memory", "ephemeral-storage"}


@needs_kubectl
@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_command_is_one_of_ours(overlay: str) -> None:
    for container in containers(overlay):
        program, *arguments = container["command"]
        command: click.Command = COMMANDS[program]
        while isinstance(command, click.Group):
            command = command.commands[arguments.pop(0)]
        options = {name for option in command.params if isinstance(option, click.Option) for name in option.opts}
        assert {argument for argument in arguments if argument.startswith("--")} <= options


@needs_kubectl
@pytest.mark.parametrize("overlay", OVERLAYS)
def test_a_night_is_one_at_a_time_bounded_and_tried_again_on_the_same_run(overlay: str) -> None:
    for name, job in of_kind(overlay, "CronJob").items():
        spec, of_job = job["spec"], job["spec"]["jobTemplate"]["spec"]
        assert spec["concurrencyPolicy"] == "Forbid"
        assert {"timeZone", "startingDeadlineSeconds", "successfulJobsHistoryLimit", "failedJobsHistoryLimit"} <= set(
            spec
        )
        assert 0 < of_job["activeDeadlineSeconds"] < 24 * 3600
        assert {"backoffLimit", "backoffLimitPerIndex"} & set(of_job), name
        assert of_job["podReplacementPolicy"] == "Failed"
        (container,) = of_job["template"]["spec"]["containers"]
        sources = {entry["name"]: entry["valueFrom"]["fieldRef"]["fieldPath"] for entry in container["env"]}
        assert sources == {"INGEST__RUN_ID": RUN_ID}
        assert of_job["template"]["spec"]["restartPolicy"] == "Never"


@needs_kubectl
def test_misuse_is_not_tried_again_and_an_eviction_is_no_try() -> None:
    rules = of_kind("small", "CronJob")["finops-nightly"]["spec"]["jobTemplate"]["spec"]["podFailurePolicy"]["rules"]
    assert rules == [
        {"action": "FailJob", "onExitCodes": {"containerName": "finops", "operator": "In", "values": [2]}},
        {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]},
    ]


@needs_kubectl
def test_nothing_reprocesses_by_itself() -> None:
    reprocess = of_kind("small", "CronJob")["finops-reprocess"]["spec"]
    assert reprocess["suspend"] is True
    assert reprocess["jobTemplate"]["spec"]["ttlSecondsAfterFinished"] == 7 * 24 * 3600


def seconds(schedule: str) -> int:
    """The second of the day at which a daily schedule begins."""
    minute, hour, *rest = schedule.split()
    assert rest == ["*", "*", "*"]
    return int(hour) * 3600 + int(minute) * 60


@needs_kubectl
def test_split_extraction_is_over_when_what_it_brought_is_published() -> None:
    jobs = of_kind("production", "CronJob")
    extract, nightly = jobs["finops-extract"]["spec"], jobs["finops-nightly"]["spec"]
    of_job = extract["jobTemplate"]["spec"]
    (container,) = of_job["template"]["spec"]["containers"]
    assert container["command"] == ["finops", "extract", "--shard", f"$(JOB_COMPLETION_INDEX)/{of_job['completions']}"]
    assert (of_job["completionMode"], of_job["parallelism"]) == ("Indexed", of_job["completions"])
    over = seconds(extract["schedule"]) + extract["startingDeadlineSeconds"] + of_job["activeDeadlineSeconds"]
    assert over <= seconds(nightly["schedule"])
    assert extract["timeZone"] == nightly["timeZone"]
    (publishing,) = nightly["jobTemplate"]["spec"]["template"]["spec"]["containers"]
    assert publishing["command"] == ["finops", "nightly", "--no-extract"]


@needs_kubectl
@pytest.mark.parametrize("overlay", OVERLAYS)
def test_nobody_talks_to_anybody_by_default(overlay: str) -> None:
    policies = of_kind(overlay, "NetworkPolicy")
    assert policies["finops-default-deny"]["spec"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    for pod in pods(overlay).values():
        assert pod["metadata"]["labels"]["app.kubernetes.io/part-of"] == "finops"  # they may ask for names
    for policy in policies.values():
        for rule in policy["spec"].get("egress", []):
            assert rule["ports"]
            for peer in rule["to"]:
                assert peer.get("ipBlock", {}).get("cidr") != "0.0.0.0/0" or peer["ipBlock"]["except"] == [
                    "169.254.0.0/16"
                ]


@needs_kubectl
@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_api_is_found_probed_and_drained(overlay: str) -> None:
    pod = pods(overlay)["finops-api"]
    (container,) = pod["spec"]["containers"]
    probes = {name: container[f"{name}Probe"]["httpGet"]["path"] for name in ("startup", "liveness", "readiness")}
    assert probes == {"startup": "/healthz", "liveness": "/healthz", "readiness": "/readyz"}
    budget = of_kind(overlay, "PodDisruptionBudget")["finops-api"]["spec"]
    selected = {"app.kubernetes.io/name": "finops-api"}
    assert (budget["maxUnavailable"], budget["selector"]["matchLabels"]) == (1, selected)
    assert of_kind(overlay, "Service")["finops-api"]["spec"]["selector"] == selected
    assert selected.items() <= pod["metadata"]["labels"].items()


@needs_kubectl
def test_the_small_overlay_has_one_database() -> None:
    secrets = [container["envFrom"] for container in containers("small")]
    assert secrets == [[{"secretRef": {"name": "finops-database"}}]] * len(secrets)


@needs_kubectl
def test_production_runs_an_image_by_digest() -> None:
    assert all("@sha256:" in container["image"] for container in containers("production"))


def test_the_example_of_sources_is_toml() -> None:
    assert "sources" in tomllib.loads((ROOT / "deploy" / "base" / "config.toml").read_text(encoding="utf-8"))
