"""The image from its Dockerfile, and a container of it: a read-only root, uid 10001, one folder that can be written.

Built by buildah with chroot isolation, so that no engine is needed; on FINOPS_IMAGE_BASE where that is set, else on a
Debian with Python 3.11 made by mmdebstrap in the place of python:3.11-slim. Run by unshare and chroot in mount and
process namespaces of its own: what is started is process 1, as in a pod.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from finops.ingest.project.create import create
from tests.conftest import REFERENCE, ROOT

BASE = os.environ.get("FINOPS_IMAGE_BASE", "")  # read before the other variables of this name are forgotten
AUTHORITIES = "/etc/ssl/certs/ca-certificates.crt"
PYTHONS = "for name in python python3 python3.11; do ln -s /usr/bin/python3.11 $1/usr/local/bin/$name; done"
# What a kubelet does: a read-only root, an emptyDir, mounts. Then the program takes the place of this shell.
START = """
set -e
mount --bind "$ROOTFS" "$ROOTFS"
mount -t proc proc "$ROOTFS/proc"
mount --rbind /dev "$ROOTFS/dev"
mount --bind "$WRITABLE" "$ROOTFS/tmp"
mount --bind -o ro "$PROJECT" "$ROOTFS/project"
touch "$ROOTFS/tmp/${SOCKET##*/}"
mount --bind "$SOCKET" "$ROOTFS/tmp/${SOCKET##*/}"
mount -o remount,bind,ro "$ROOTFS"
exec chroot --userspec=10001:10001 --groups= "$ROOTFS" /usr/bin/env -C /project -i "$@"
"""


@dataclass(frozen=True)
class Image:
    """A built image: its root folder, that of its base, and what it says of itself."""

    root: Path
    base: Path
    config: Mapping[str, Any]

    @property
    def variables(self) -> dict[str, str]:
        """The environment that its programs start with."""
        return dict(pair.split("=", 1) for pair in self.config["Env"])


@dataclass(frozen=True)
class Container:
    """Where programs of the image run: `project` is the company's folder, `writable` is `/tmp`."""

    image: Image
    project: Path
    writable: Path

    def start(self, *command: str, **variables: str) -> subprocess.Popen[str]:
        """Start a program as process 1 and uid 10001, with the image's environment, PostgreSQL's and more."""
        socket = f"{os.environ['PGHOST']}/.s.PGSQL.{os.environ['PGPORT']}"  # its folder is its server's alone
        postgres = {name: os.environ[name] for name in ("PGPORT", "PGUSER", "PGPASSWORD", "PGDATABASE")}
        environment = self.image.variables
        environment |= {"PGHOST": environment["TMPDIR"], **postgres, **variables}
        return subprocess.Popen(
            ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", START, "sh"]
            + [f"{name}={value}" for name, value in environment.items()]
            + list(command),
            env={
                "PATH": os.environ["PATH"],
                "ROOTFS": str(self.image.root),
                "WRITABLE": str(self.writable),
                "PROJECT": str(self.project),
                "SOCKET": socket,
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *command: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run a program to its end."""
        process = self.start(*command, **variables)
        out, err = process.communicate(timeout=300)
        return subprocess.CompletedProcess(command, process.returncode, out, err)


def process_one(process: subprocess.Popen[str]) -> int:
    """The process id, seen from here, of what runs as process 1 in a container."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text(encoding="ascii").split()
    return int(children[0])


@pytest.fixture(scope="session")
def image() -> Iterator[Image]:
    """Build it, in a store of its own that is gone afterwards."""
    missing = [name for name in ("buildah", "unshare", *([] if BASE else ["mmdebstrap"])) if not shutil.which(name)]
    if missing or os.geteuid() != 0:
        pytest.skip(f"needs root and {', '.join(missing) or 'nothing more'}")
    with tempfile.TemporaryDirectory(prefix="finops-image-") as folder, store(Path(folder)) as buildah:
        base = BASE or made_base(Path(folder), buildah)
        build = ["build", "--isolation", "chroot", "--build-arg", f"BASE={base}", "--tag", "finops"]
        buildah(*build, "--volume", f"{AUTHORITIES}:{AUTHORITIES}:ro", str(ROOT))
        root, base_root = (Path(buildah("mount", buildah("from", name))) for name in ("finops", base))
        inspected = json.loads(buildah("inspect", "--type", "image", "finops"))
        yield Image(root, base_root, inspected["OCIv1"]["config"] | {"docker": inspected["Docker"]["config"]})


@contextmanager
def store(folder: Path) -> Iterator[Any]:
    """Buildah on a store of its own; call it with a command's arguments for what it prints."""
    command = ["buildah", "--root", str(folder / "store"), "--runroot", str(folder / "run")]

    def buildah(*arguments: str) -> str:
        done = subprocess.run([*command, *arguments], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    try:
        yield buildah
    finally:
        subprocess.run([*command, "rm", "--all"], capture_output=True, check=False)


def made_base(folder: Path, buildah: Any) -> str:
    """A Debian with what python:3.11-slim has; Python stands where that image has it, too."""
    archive = folder / "base.tar"
    packages = "ca-certificates,netbase,python3,python3-venv,tzdata"
    make = ["mmdebstrap", "--variant=minbase", f"--include={packages}", f"--customize-hook={PYTHONS}", "bookworm"]
    subprocess.run([*make, str(archive)], capture_output=True, check=True)
    container = buildah("from", "scratch")
    buildah("add", container, str(archive), "/")
    buildah("commit", "--rm", container, "localhost/finops-base")
    return "localhost/finops-base"


@pytest.fixture
def container(image: Image, tmp_path: Path) -> Container:
    """Its folders, with a project whose files the group 10001 alone can read, as Kubernetes mounts them.

    Its reference data is what the tests' database was built with: empty files would be refused, as fallen too far.
    """
    project, writable = tmp_path / "project", tmp_path / "tmp"
    create(project)
    shutil.copytree(REFERENCE, project / "reference", dirs_exist_ok=True)
    for path in (path for path in project.rglob("*") if path.is_file()):
        path.chmod(0o440)
        os.chown(path, 0, 10001)
    writable.mkdir()
    writable.chmod(0o777)
    return Container(image, project, writable)
