"""Docstrings are plain text, to be read in a terminal. Here what reStructuredText would take for markup is escaped.

`name` becomes a link where it is public and no argument of what is documented; an indented block is an equation, set as
it stands; doctests stay as they are.
"""

import importlib
import inspect
import re
from typing import Any

ROOMS = (
    "graphrw", "graphrw.functional", "graphrw.nn", "graphrw.models", "graphrw.build", "graphrw.convert",
    "graphrw.losses", "graphrw.metrics", "graphrw.partition", "graphrw.estimators", "graphrw.solvers",
    "graphrw.spectral", "graphrw.segmentation",
)  # fmt: skip
SECTIONS = {"Args:", "Returns:", "Raises:", "Warns:", "Yields:", "Attributes:", "Shapes:", "Note:", "Notes:"}


def _links() -> dict[str, str]:
    """Where each public name is documented, by the ways in which docstrings spell it."""
    found: dict[str, str] = {}
    for room in ROOMS:
        for name in importlib.import_module(room).__all__:
            page = found.get(name, f"{room}.{name}")  # what is in the hall has its page there
            short = f"{room}.{name}".removeprefix("graphrw.")
            for spelling in (name, short, f"{room}.{name}", f"rw.{short}"):
                found.setdefault(spelling, page)
    return found


LINKS = _links()


def _text(line: str, own: set[str]) -> str:
    """One line of prose, escaped; `own` names are not linked."""
    bullet = re.match(r"\s*[*-] ", line)
    start = bullet.end() if bullet else 0
    parts = re.split(r"(``[^`]+``|`[^`]+`)", line[start:])
    for place, part in enumerate(parts):
        name = part.strip("`")
        if place % 2:
            target = LINKS.get(name.removesuffix("()"))
            parts[place] = f":py:obj:`{name} <{target}>`" if target and name not in own else f"``{name}``"
        else:
            parts[place] = _mathematics(part)
    return line[:start] + _joined(parts)


def _mathematics(text: str) -> str:
    """Escaped, with subscripts and superscripts: w_ij, D^{−½}."""
    text = re.sub(r"(?<!\\)([*|])", r"\\\1", text)
    text = re.sub(r"_(?!\w|\{)", r"\\_", text)
    text = re.sub(r"\^\{([^}]+)\}|\^(−½)", _superscript, text)
    text = re.sub(r"(?<![\w_])(\w)_(?:\{([^}]+)\}|([A-Za-z0-9]{1,3})(?![\w_]))", _subscript, text)
    return text.replace("\0", "_")


def _superscript(found: re.Match[str]) -> str:
    power = (found[1] or found[2]).replace("_", "\0")  # nothing is set below within what is set above
    return rf"\ :sup:`{power}`\ "


def _subscript(found: re.Match[str]) -> str:
    return rf"{found[1]}\ :sub:`{found[2] or found[3]}`\ "


def _joined(parts: list[str]) -> str:
    """Markup ends at a space or a sign of punctuation: "`a`s" and "`a`²" get a break that is not seen."""
    line = ""
    for place, part in enumerate(parts):
        if place % 2 and line and not line[-1].isspace() and line[-1] not in "'\"([{<-/:":
            line += "\\ "
        if place and not place % 2 and part and not part[0].isspace() and part[0] not in "'\")]}>-/\\:.,;!?":
            line += "\\ "
        line += part
    return line


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _own_names(obj: Any) -> set[str]:
    try:
        return set(inspect.signature(obj).parameters) | {getattr(obj, "__name__", "")}
    except (TypeError, ValueError):
        return set()


def plain(app: Any, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """The listener of autodoc's event: it changes `lines` in place."""
    own, new = _own_names(obj), []
    section = doctest = equation = bullets = False
    for line in lines:
        bare = line.strip()
        if not bare:
            doctest = bullets = False
            new.append(line)
            continue
        if equation and _indent(line) == 0:
            equation = False
            new += [""]
        section = bare in SECTIONS or (section and _indent(line) > 0)
        doctest = doctest or bare.startswith(">>>")
        bullets = bullets or bare.startswith("* ")
        if not (doctest or equation or section or bullets) and _indent(line) > 0:
            equation = True
            new += ["", ".. code-block:: none", "   :class: equation", ""]
        if equation:
            new.append(line.replace("`", ""))
        else:
            new.append(line if doctest or bare in SECTIONS else _text(line, own))
    lines[:] = new


def skip(app: Any, what: str, name: str, obj: Any, skipped: bool, options: Any) -> bool | None:
    """Leaves out what scikit-learn gives every estimator, documented for its own site, and what torch alone calls."""
    return True if re.fullmatch(r"set_\w+_request|get_metadata_routing|extra_repr", name) else None


def setup(app: Any) -> dict[str, bool]:
    app.connect("autodoc-process-docstring", plain, priority=100)  # before napoleon
    app.connect("autodoc-skip-member", skip)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
