"""Draw the README's pictures as SVG from what the demo's commands print: `make pictures`.

The demo's last day is fixed. Lines that differ from run to run (ids, durations, paths) are left out, so a picture
changes only when a figure or a report changes.
"""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import tempfile
import termios
from collections.abc import Iterator
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "docs" / "images"
DEMO = (sys.executable, "-m", "finops.demo")
# A dark terminal window reads the same on GitHub's light and dark pages.
THEME = TerminalTheme(
    background=(24, 28, 36),
    foreground=(216, 222, 233),
    normal=[
        (76, 86, 106),
        (240, 113, 120),
        (126, 211, 140),
        (235, 203, 139),
        (129, 161, 193),
        (199, 146, 234),
        (136, 192, 208),
        (216, 222, 233),
    ],
)
# rich's template without its web font: GitHub blocks it, and a picture must load nothing from another host.
TEMPLATE = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}">
<style>
text {{ font: {char_height}px ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace; white-space: pre }}
{styles}
</style>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})">
{matrix}
</g>
</svg>
"""


@dataclass(frozen=True)
class Picture:
    """A command of the demo and the parts of its output to show.

    Attributes:
        name: file name without its ending.
        typed: the command as a reader types it.
        command: the command that is run.
        columns: width of the terminal, in characters.
        parts: first line of each part to show, and the first line after it (None: to the end).
    """

    name: str
    typed: str
    command: tuple[str, ...]
    columns: int
    parts: tuple[tuple[str, str | None], ...]


PICTURES = (
    Picture(
        name="demo",
        typed="make demo AS_OF=2026-11-22",
        command=(*DEMO, "--as-of", "2026-11-22"),
        columns=84,
        parts=(("Cost by month and domain", "Next:"),),
    ),
    Picture(
        name="coverage",
        typed='make coverage ARGS="--period 2026-11 --limit 6"',
        command=(*DEMO, "run", "--", "finops", "coverage", "--period", "2026-11", "--limit", "6"),
        columns=146,
        parts=(("Coverage of", "Days of each month"), ("What to mend first", None)),
    ),
)


def printed(picture: Picture, home: Path) -> str:
    """Run a picture's command and return what it prints to a terminal, ANSI colours included.

    Args:
        picture: the command and the terminal's width.
        home: folder of the demo's database.

    Raises:
        subprocess.CalledProcessError: the command failed.
    """
    reader, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 50, picture.columns, 0, 0))
    environment = os.environ | {"FINOPS_HOME": str(home), "TERM": "xterm-256color", "COLORTERM": "", "NO_COLOR": ""}
    with subprocess.Popen(  # noqa: S603 - the commands above
        picture.command, stdout=terminal, stderr=subprocess.PIPE, cwd=ROOT, env=environment
    ) as child:
        os.close(terminal)
        text = b"".join(_chunks(reader))
        errors = child.stderr.read() if child.stderr else b""
    os.close(reader)
    if child.returncode:
        raise subprocess.CalledProcessError(child.returncode, picture.command, stderr=errors)
    return text.decode().replace("\r\n", "\n")


def _chunks(reader: int) -> Iterator[bytes]:
    """Yield what a terminal receives until its program ends, which Linux reports as an error."""
    try:
        while chunk := os.read(reader, 65536):
            yield chunk
    except OSError:
        return


def shown(picture: Picture, text: str) -> Text:
    """Return the parts of an output to show, behind the prompt with the command; `…` stands for what is left out."""
    lines = Text.from_ansi(text).split()
    plain = [line.plain for line in lines]
    found = [Text.assemble(("$ ", "bold green"), (picture.typed, "bold"))]
    end = 0
    for first, after in picture.parts:
        start = next(number for number, line in enumerate(plain) if line.startswith(first))
        found += [Text("…")] if start > end else []
        end = next((number for number, line in enumerate(plain) if after and line.startswith(after)), len(lines))
        found += lines[start:end]
    return Text("\n").join([*found, Text("…")] if end < len(lines) else found)


def drawn(picture: Picture, text: Text) -> str:
    """Return the SVG of a terminal window that shows a text."""
    console = Console(record=True, width=picture.columns, file=StringIO(), force_terminal=True)
    console.print(text, soft_wrap=True)
    svg = console.export_svg(title="finops", theme=THEME, code_format=TEMPLATE, unique_id=picture.name)
    return re.sub(r' clip-path="[^"]*"|(?<=\n) +', "", svg)


def main() -> None:
    """Run the demo in a folder of its own and write every picture."""
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="finops-pictures-") as folder:
        home = Path(folder)
        home.chmod(0o755)  # the embedded server runs as another user where this runs as root
        for picture in PICTURES:
            (FOLDER / f"{picture.name}.svg").write_text(drawn(picture, shown(picture, printed(picture, home))))


if __name__ == "__main__":
    main()
