"""The folder in which an unfinished run keeps what it has."""

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from graphrw.files import replacing

FACTS, DIGEST = "run.json", "image and labels"
DONE = ".graphrw-run-done.json"  # no name of anybody else's: a folder that has it is deleted
FEW, MANY, LABEL = 400, 800, 8  # bytes a voxel: for two labels, for more, and for each (`larger_than_memory.py`)


@dataclass(frozen=True)
class Workplace:
    """A folder beside the output, or elsewhere."""

    folder: Path

    def claim(self, facts: Mapping[str, Any]) -> None:
        """Begin, or go on where a run with the same inputs and options has ended.

        Raises:
            ValueError: if it had others.
        """
        if (self.folder / DONE).exists():
            self.clear()
        path, now = self.folder / FACTS, json.loads(json.dumps(facts))
        if not path.exists():
            if self._holds_something():
                raise ValueError(
                    f"`{self.folder}` is to hold an unfinished run, and holds something else. Name another."
                )
            self.folder.mkdir(parents=True, exist_ok=True)
            with replacing(path) as unfinished:
                unfinished.write_text(json.dumps(now))
            return
        before = json.loads(path.read_text())
        other = [name for name in now if before.get(name) != now[name]]
        if "block" in other:  # in other blocks the same voxels have another sum
            other = [name for name in other if name != DIGEST]
        if other:
            told = ", ".join(f"`{name}`: {before.get(name)} then, {now[name]} now" for name in other)
            raise ValueError(
                f"`{self.folder}` holds an unfinished run with other inputs or options ({told}). Finish it with those, "
                "or delete the folder to begin anew."
            )

    def require_room(self, voxels: int, labels: int) -> None:
        """Raise `OSError` if the disk will not hold what a new run makes."""
        if (self.folder / FACTS).exists():
            return
        parent = next(folder for folder in self.folder.resolve().parents if folder.exists())
        needed, free = voxels * ((FEW if labels <= 2 else MANY) + LABEL * labels), shutil.disk_usage(parent).free
        if needed > free:
            raise OSError(
                f"`{self.folder}` needs about {needed / 1e9:.2g} GB of the disk; {free / 1e9:.2g} GB are free. Name a "
                "`scratch` folder elsewhere."
            )

    def level(self, depth: int) -> Path:
        """The folder of a level, which is made."""
        folder = self.folder / f"level-{depth}"
        folder.mkdir(exist_ok=True)
        return folder

    def clear(self) -> None:
        """All is done. What is killed on the way is no run that goes on, nor something else: `claim` ends it."""
        done = self.folder / DONE
        if not done.exists():
            (self.folder / FACTS).replace(done)
        for path in self.folder.iterdir():
            if path.is_dir():
                shutil.rmtree(path)
            elif path != done:
                path.unlink()
        done.unlink()
        self.folder.rmdir()

    def _holds_something(self) -> bool:
        """Whether there is more than the beginnings of `FACTS`, as a run leaves them that is killed there."""
        return self.folder.exists() and any(not path.match(f".*.{FACTS}") for path in self.folder.iterdir())
