"""The code of the README and of every page runs as it stands, and links lead somewhere."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FILES = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), *sorted((ROOT / "docs/how_to").glob("*.md")))
PAGES = {str(page.relative_to(ROOT)): page for page in FILES}
CODE = re.compile(r"```python\n(.*?)```", re.DOTALL)
BLOCKS = {name: CODE.findall(page.read_text(encoding="utf-8")) for name, page in PAGES.items()}
WITH_CODE = sorted(name for name, blocks in BLOCKS.items() if blocks)


@pytest.mark.parametrize("name", WITH_CODE)
def test_the_code_of_a_page_runs_from_top_to_bottom(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # some write files
    names = {"__name__": "page"}
    for number, block in enumerate(BLOCKS[name]):
        exec(compile(block, f"{name}, block {number}", "exec"), names)


def test_the_pages_have_their_blocks():
    assert len(BLOCKS["README.md"]) == 3
    assert len(WITH_CODE) >= 17


@pytest.mark.parametrize("page", PAGES.values(), ids=PAGES)
def test_every_page_and_picture_that_is_linked_to_is_there(page):
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []
