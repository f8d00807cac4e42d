"""The code of the README and of two pages runs as it stands, and links lead somewhere."""

import re
import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = (ROOT / "README.md", ROOT / "docs" / "systems.md", ROOT / "docs" / "other_libraries.md")
BLOCKS = {
    f"{page.name}-{number}": block
    for page in PAGES
    for number, block in enumerate(re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL))
}


@pytest.mark.parametrize("name", BLOCKS)
def test_a_block_of_code_runs(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # some write files
    page = tmp_path / "block.py"
    page.write_text(BLOCKS[name], encoding="utf-8")
    runpy.run_path(str(page), run_name="block")


def test_the_pages_have_their_blocks():
    assert len(BLOCKS) == 2 + 4 + 5


@pytest.mark.parametrize("page", [PAGES[0], *(ROOT / "docs").glob("*.md")], ids=lambda page: page.name)
def test_every_page_and_picture_that_is_linked_to_is_there(page):
    links = re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []
