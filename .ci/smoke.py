"""What must hold of a distribution of graphrw: builds both, and tries them in an empty environment.

Run: python .ci/smoke.py (in an environment that has `build`); what is built is left in dist/.
"""

import os
import subprocess
import sys
import tarfile
import tempfile
import venv
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
SOURCES = {path.relative_to(ROOT).as_posix() for path in (ROOT / "graphrw").rglob("*") if path.is_file()}
SHIPPED = {name for name in SOURCES if "__pycache__" not in name and not name.endswith(".pyc")}
WEIGHTS = {f"graphrw/models/weights/{name}" for name in ("em_membranes_2d", "em_membranes_3d", "nuclei_2d")}
NEEDED = {"graphrw/py.typed", "graphrw/__init__.pyi", "graphrw/page/static/index.html", "graphrw/page/static/page.js"}
NEEDED |= {f"{path}{ending}" for path in WEIGHTS for ending in (".safetensors", ".md")}

FIRST_HOUR = """
import numpy as np, graphrw as rw
from importlib.metadata import version
image = np.zeros((20, 30))
image[:, 15:] = 1.0
seeds = np.zeros((20, 30), dtype=int)
seeds[10, 2], seeds[10, 27] = 3, 7
assert (rw.random_walker(image, seeds) == np.where(image > 0, 7, 3)).all()
model = rw.models.LearnedRandomWalker.from_pretrained("nuclei_2d")
assert (model.predict(image, seeds) == np.where(image > 0, 7, 3)).mean() > 0.9
assert "site-packages" in rw.__file__, rw.__file__
print("graphrw", version("graphrw"), "labels an image")
"""


def run(*command: object, code: int = 0) -> str:
    """What a command says; an error unless it ends with this code."""
    outside = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    words = [str(word) for word in command]
    with tempfile.TemporaryDirectory() as elsewhere:
        ended = subprocess.run(words, capture_output=True, text=True, cwd=elsewhere, env=outside)
    if ended.returncode != code:
        sys.exit(f"{' '.join(words)} ended with {ended.returncode}:\n{ended.stdout}{ended.stderr}")
    return ended.stdout + ended.stderr


def build() -> tuple[Path, Path]:
    """The wheel and the source distribution, the wheel built from the latter."""
    for old in (ROOT / "dist").glob("graphrw-*"):
        old.unlink()
    run(sys.executable, "-m", "build", "--outdir", ROOT / "dist", ROOT)
    (wheel,), (source,) = (ROOT / "dist").glob("*.whl"), (ROOT / "dist").glob("*.tar.gz")
    return wheel, source


def check_content(wheel: Path, source: Path) -> None:
    """All files of the package are in both: what is typed, and what the page is made of."""
    with zipfile.ZipFile(wheel) as opened:
        held = set(opened.namelist())
    with tarfile.open(source) as opened:
        unpacked = {name.partition("/")[2] for name in opened.getnames()}
    for name, files in ((wheel.name, held), (source.name, unpacked)):
        missing = sorted((SHIPPED | NEEDED) - files)
        if missing:
            sys.exit(f"{name} lacks {missing}.")
    strangers = sorted({name.partition("/")[0] for name in held} - {"graphrw"})
    if len(strangers) != 1 or not strangers[0].endswith(".dist-info"):
        sys.exit(f"{wheel.name} installs {strangers}, too.")


def main() -> None:
    wheel, source = build()
    check_content(wheel, source)
    with tempfile.TemporaryDirectory() as folder:
        venv.create(folder, with_pip=True)
        programs = Path(folder) / ("Scripts" if sys.platform == "win32" else "bin")
        python, graphrw = programs / "python", programs / "graphrw"
        install = (python, "-m", "pip", "install", "--quiet", "--no-compile", "--constraint", ROOT / "constraints.txt")
        run(*install, wheel)
        print(run(python, "-c", FIRST_HOUR), end="")
        said = run(graphrw, "info", code=2)
        if said.count("\n") != 1 or "pip install 'graphrw[image]'" not in said:
            sys.exit(f"Without its extra, graphrw says: {said}")
        print(said, end="")
        run(*install, "--force-reinstall", "--no-deps", source)
        print(run(python, "-c", FIRST_HOUR), end="")
        run(*install, f"{source}[image]")
        print(run(graphrw, "info", "--shape", "64x64").splitlines()[0])


if __name__ == "__main__":
    main()
