"""What deploy/ renders to: objects that Kubernetes knows, and the promises that deploy/README.md makes."""

from __future__ import annotations

import copy
import ipaddress
import re
import shutil
import subprocess
import tempfile
import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import click
import kubernetes_validate
import pytest
import yaml

from finops.api.__main__ import cli as finops_api
from finops.ingest.cli import cli as finops
from finops.ingest.project.create import create, files
from tests.conftest import ROOT

OVERLAYS = ("small", "production")
COMPANY = ("as ConfigMaps", "from git")  # the two kustomizations of deploy/README.md
OLDEST, NEWEST = "1.31", kubernetes_validate.latest_version()  # 1.31: the first in which podFailurePolicy is settled
COMMANDS = {"finops": finops, "finops-api": finops_api}
RUN_ID = "metadata.labels['batch.kubernetes.io/controller-uid']"

README = (ROOT / "deploy" / "README.md").read_text(encoding="utf-8")

Object = Mapping[str, Any]

needs_kubectl = pytest.mark.skipif(shutil.which("kubectl") is None, reason="renders deploy/ by `kubectl kustomize`")


@cache
def rendered(overlay: str) -> list[Object]:
    """The objects of an overlay, or of a company's own kustomization, as kubectl would send them."""
    if overlay not in COMPANY:
        return kustomized(ROOT / "deploy" / "overlays" / overlay)
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(ROOT / "deploy", Path(folder) / "finops" / "deploy")
        create(Path(folder) / "costs")
        blocks = re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)
        (Path(folder) / "costs" / "kustomization.yaml").write_text(blocks[COMPANY.index(overlay)], encoding="utf-8")
        return kustomized(Path(folder) / "costs")


def kustomized(folder: Path) -> list[Object]:
    """The objects of a kustomization."""
    command = ["kubectl", "kustomize", str(folder)]
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
@pytest.mark.parametrize("overlay", [*OVERLAYS, *COMPANY])
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
@pytest.mark.parametrize("overlay", [*OVERLAYS, *COMPANY])
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
    assert set(values) <= {"FINOPS_API_HOST", "FINOPS_API_TOKENS_FILE", "FINOPS_PROJECT"}
    for found in of_kind(overlay, "ConfigMap").values():
        keys = re.findall(
            r"\w*(?:token|password|secret|uri|storage_options|client_id)\w*\s*=",
            "".join(found.get("data", {}).values()),
        )
        assert keys == []


@needs_kubectl
@pytest.mark.parametrize("overlay", [*OVERLAYS, *COMPANY])
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
        sources = [entry["valueFrom"]["fieldRef"]["fieldPath"] for entry in container["env"] if "valueFrom" in entry]
        assert sources == [RUN_ID]
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
def test_the_api_reaches_names_its_database_and_issuers_of_its_cluster_alone(overlay: str) -> None:
    labels = pods(overlay)["finops-api"]["metadata"]["labels"]
    reached = []
    for policy in of_kind(overlay, "NetworkPolicy").values():
        chosen = policy["spec"]["podSelector"]
        wanted = {
            **{key: [value] for key, value in chosen.get("matchLabels", {}).items()},
            **{rule["key"]: rule["values"] for rule in chosen.get("matchExpressions", [])},
        }
        if all(labels.get(key) in values for key, values in wanted.items()):
            for rule in policy["spec"].get("egress", []):
                reached += [(peer, port["port"]) for peer in rule["to"] for port in rule["ports"]]
    blocks = [(ipaddress.ip_network(peer["ipBlock"]["cidr"]), port) for peer, port in reached if "ipBlock" in peer]
    assert blocks
    assert [(str(block), port) for block, port in blocks if not block.is_private or port != 5432] == []
    by_label = {port for peer, port in reached if "ipBlock" not in peer}
    assert by_label == {53, 443, 7007}


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


def mounted(pod: Object, config_maps: Mapping[str, Object]) -> dict[str, str]:
    """The text of each file that ConfigMaps bring into the batch container, by its path."""
    volumes = {volume["name"]: volume for volume in pod["spec"]["volumes"]}
    (container,) = pod["spec"]["containers"]
    found: dict[str, str] = {}
    for mount in container["volumeMounts"]:
        volume = volumes[mount["name"]]
        for source in [{"configMap": volume.get("configMap")}, *volume.get("projected", {}).get("sources", [])]:
            if of_map := source.get("configMap"):
                data = config_maps[of_map["name"]].get("data", {})
                items = of_map.get("items") or [{"key": key, "path": key} for key in data]
                found |= {f"{mount['mountPath']}/{item['path']}": data[item["key"]] for item in items}
    return found


@needs_kubectl
def test_config_maps_bring_the_company_s_folder_and_a_secret_its_secrets() -> None:
    wanted = {f"/project/{path}": text for path, text in files().items() if read_by_a_run(path)}
    assert len(wanted) == 11
    for name, job in of_kind("as ConfigMaps", "CronJob").items():
        pod = job["spec"]["jobTemplate"]["spec"]["template"]
        assert mounted(pod, of_kind("as ConfigMaps", "ConfigMap")) == wanted, name
        assert pod["spec"]["containers"][0]["env"][1] == {"name": "FINOPS_PROJECT", "value": "/project"}
        (secret,) = [
            source["secret"]
            for volume in pod["spec"]["volumes"]
            for source in volume.get("projected", {}).get("sources", [])
            if "secret" in source
        ]
        assert secret["items"] == [{"key": "secrets.toml", "path": ".dlt/secrets.toml"}]


def read_by_a_run(path: Path) -> bool:
    """Whether a file of a new project is one that a nightly reads, secrets aside."""
    return path.parts[0] in ("finops.toml", "reference") or path == Path(".dlt", "config.toml")


@needs_kubectl
def test_an_overlay_runs_on_no_reference_data_that_nobody_wrote() -> None:
    maps = of_kind("small", "ConfigMap")
    assert [found.get("data") for name, found in maps.items() if name.startswith("finops-reference-")] == [None]


@needs_kubectl
def test_git_sync_brings_the_folder_before_the_batch_container_starts() -> None:
    maps = of_kind("from git", "ConfigMap")
    for job in of_kind("from git", "CronJob").values():
        spec = job["spec"]["jobTemplate"]["spec"]["template"]["spec"]
        (sync,), (container,) = spec["initContainers"], spec["containers"]
        assert sync["image"].startswith("registry.example.com/git-sync:v4.")
        assert {"--one-time", "--root=/project", "--link=current"} <= set(sync["args"])
        assert maps[sync["envFrom"][0]["configMapRef"]["name"]]["data"].keys() == {
            "GITSYNC_REPO",
            "GITSYNC_REF",
            "GITSYNC_USERNAME",
        }
        assert {"name": "FINOPS_PROJECT", "value": "/project/current"} in container["env"]
        assert {mount["mountPath"]: mount.get("readOnly", False) for mount in container["volumeMounts"]} == {
            "/tmp": False,  # noqa: S108 the pod's
            "/project": True,
            "/run/secrets": True,
        }
        assert {mount["name"] for mount in sync["volumeMounts"]} == {"tmp", "project", "git"}
        sizes = {volume["name"]: volume["emptyDir"] for volume in spec["volumes"] if "emptyDir" in volume}
        assert sizes.keys() == {"tmp", "project"}
        assert all("sizeLimit" in size for size in sizes.values())


@needs_kubectl
@pytest.mark.parametrize("overlay", COMPANY)
def test_the_api_needs_none_of_the_company_s_folder(overlay: str) -> None:
    (container,) = pods(overlay)["finops-api"]["spec"]["containers"]
    assert {mount["name"] for mount in container["volumeMounts"]} == {"tmp", "tokens"}
