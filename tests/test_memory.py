"""How much memory is free, as the limits of control groups have it."""

from pathlib import Path

import pytest

from graphrw.core import memory


def write(folder: Path, **files: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text, encoding="ascii")


@pytest.fixture
def groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(memory, "CGROUPS", tmp_path / "sys")
    monkeypatch.setattr(memory, "OWN_GROUPS", tmp_path / "own")
    return tmp_path


def test_the_limit_of_a_group_around_the_own_one_counts(groups: Path) -> None:
    (groups / "own").write_text("0::/outer/inner\n", encoding="utf-8")
    write(
        groups / "sys/outer",
        memory__max="5000000\n",
        memory__current="3000000\n",
        memory__stat="inactive_file 500000\n",
    )
    write(groups / "sys/outer/inner", memory__max="max\n", memory__current="1\n", memory__stat="inactive_file 0\n")
    assert memory.available_memory() == 2_500_000


def test_the_least_of_all_limits_counts(groups: Path) -> None:
    (groups / "own").write_text("0::/outer/inner\n", encoding="utf-8")
    write(groups / "sys/outer", memory__max="5000000\n", memory__current="3000000\n", memory__stat="inactive_file 0\n")
    write(groups / "sys/outer/inner", memory__max="900000\n", memory__current="1\n", memory__stat="inactive_file 0\n")
    assert memory.available_memory() == 899_999


def test_version_one_keeps_its_accounts_elsewhere(groups: Path) -> None:
    (groups / "own").write_text("4:memory:/job\n2:cpu,cpuacct:/other\n", encoding="utf-8")
    write(
        groups / "sys/memory/job",
        memory__limit_in_bytes="4000000\n",
        memory__usage_in_bytes="1000000\n",
        memory__stat="inactive_file 9\ntotal_inactive_file 200000\n",
    )
    assert memory.available_memory() == 3_200_000


def test_where_there_are_no_groups_the_machine_decides(groups: Path) -> None:
    assert memory.available_memory() > 2**20


def test_a_limit_beyond_the_machine_is_none(groups: Path) -> None:
    (groups / "own").write_text("0::/inner\n", encoding="utf-8")
    write(groups / "sys/inner", memory__max=f"{2**63 - 4096}\n", memory__current=f"{2**63 - 8192}\n", memory__stat="")
    assert memory.available_memory() > 2**20
