"""The suite with the lowest versions that pyproject.toml allows, in an environment of its own: `make nightly`.

Where the package index has no CPU build of that torch, this downloads gigabytes.

Run: python tests/lowest.py [pytest's arguments]
"""

import re
import subprocess
import sys
import tempfile
import tomllib
import venv
from pathlib import Path

ROOT = Path(__file__).parent.parent
EXTRAS = ("test", "image", "volumes", "page", "approximate-cholesky", "pretrained")


def lowest_versions(requirements: list[str]) -> list[str]:
    """``name==version`` for each ``name>=version``; extras and packages without a bound have none."""
    found = (re.match(r"([A-Za-z0-9_.-]+)>=([0-9.]+)", requirement) for requirement in requirements)
    return [f"{match[1]}=={match[2]}" for match in found if match]


def main() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = [requirement for extra in EXTRAS for requirement in project["optional-dependencies"][extra]]
    with tempfile.TemporaryDirectory() as folder:
        constraints = Path(folder) / "lowest.txt"
        constraints.write_text("\n".join(lowest_versions(project["dependencies"] + extras)))
        venv.create(Path(folder) / "venv", with_pip=True)
        python = Path(folder) / "venv" / ("Scripts" if sys.platform == "win32" else "bin") / "python"
        subprocess.run(
            [python, "-m", "pip", "install", "--quiet", "-c", constraints, "-e", f"{ROOT}[test]"], check=True
        )
        sys.exit(subprocess.run([python, "-m", "pytest", "-m", "not nightly", *sys.argv[1:]], cwd=ROOT).returncode)


if __name__ == "__main__":
    main()
