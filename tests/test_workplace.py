"""The folder of an unfinished run: what is left of one that was stopped stands in nobody's way."""

import shutil
from pathlib import Path

import pytest

from graphrw.segmentation.blocks.workplace import Workplace


def interrupted(path: Path) -> None:
    raise KeyboardInterrupt


def test_a_run_may_be_stopped_while_it_clears_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = Workplace(tmp_path / "unfinished")
    place.claim({"beta": 1})
    for depth in range(2):
        (place.level(depth) / "part").write_text("")
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "rmtree", interrupted)
        with pytest.raises(KeyboardInterrupt):
            place.clear()
    place.claim({"beta": 2})  # refused, were it a run that goes on
    assert [path.name for path in place.folder.iterdir()] == ["run.json"]
    place.clear()
    assert not place.folder.exists()


def test_a_run_may_be_killed_as_it_begins(tmp_path: Path) -> None:
    (tmp_path / ".123.run.json").write_text("{")  # as `replacing` leaves it
    Workplace(tmp_path).claim({"beta": 1})
