"""Reads the README's pictures back as the lines of text that they show."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path
from xml.etree import ElementTree as ET

CHARACTER = 12.2
"""Width of a character in rich's SVG."""


def lines(picture: Path) -> list[str]:
    """Return the lines of a terminal's picture, each without its trailing spaces."""
    root = ET.fromstring(picture.read_text())  # noqa: S314 our own file
    texts = [element for element in root.iter("{http://www.w3.org/2000/svg}text") if element.get("textLength")]
    found = []
    for _, row in groupby(texts, key=lambda element: element.get("y")):
        line = ""
        for element in row:
            line = line.ljust(round(float(element.get("x", "0")) / CHARACTER))
            line += (element.text or "").replace("\xa0", " ")
        found.append(line.rstrip())
    return found
