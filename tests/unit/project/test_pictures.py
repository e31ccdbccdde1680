"""The README's pictures: small, self-contained, and holding every figure that the README quotes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from docs.pictures import FOLDER, PICTURES
from tests.conftest import ROOT
from tests.pictures import lines

README = (ROOT / "README.md").read_text()
FILES = [FOLDER / f"{picture.name}.svg" for picture in PICTURES]
SCREENSHOTS = sorted(FOLDER.glob("*.png"))
each_picture = pytest.mark.parametrize("picture", FILES, ids=lambda path: path.name)


@each_picture
def test_a_picture_is_small_and_loads_nothing(picture: Path) -> None:
    svg = picture.read_text()
    assert len(svg.encode()) < 60_000
    assert re.findall(r"https?://(?!www\.w3\.org/2000/svg)|@import|@font-face|url\((?!#)|<image|<script", svg) == []


def test_a_screenshot_is_small() -> None:
    sizes = {picture.name: picture.stat().st_size for picture in SCREENSHOTS}
    assert len(sizes) == 2
    assert {name: size for name, size in sizes.items() if size > 200_000} == {}


@pytest.mark.parametrize("picture", [*FILES, *SCREENSHOTS], ids=lambda path: path.name)
def test_a_picture_is_in_the_readme_with_a_text_for_whoever_can_t_see_it(picture: Path) -> None:
    alternative = re.search(rf"!\[([^\]]+)\]\(docs/images/{picture.name}\)", README)
    assert alternative is not None
    assert len(alternative[1]) > 40


def test_the_pictures_hold_every_figure_that_the_readme_quotes() -> None:
    prose = re.sub(r"```.*?```", "", README, flags=re.DOTALL)
    figures = set(re.findall(r"\d[\d,]*\.\d\d(?= EUR)", prose))
    drawn = "\n".join(line for picture in FILES for line in lines(picture))
    assert len(figures) >= 3
    assert {figure for figure in figures if figure not in drawn} == set()
