"""Weights that come with graphrw: NAME.safetensors beside its model card, NAME.md, in `graphrw/models/weights`."""

from pathlib import Path
from typing import Any

from graphrw.core.opaque import opaque

FOLDER = Path(__file__).parent / "weights"


@opaque
def pretrained_names() -> tuple[str, ...]:
    """What `LearnedRandomWalker.from_pretrained` and `model_card` take, in alphabetical order.

    >>> "nuclei_2d" in pretrained_names()
    True
    """
    return tuple(sorted(path.stem for path in FOLDER.glob("*.safetensors")))


@opaque
def model_card(name: str) -> str:
    """The model card of such weights, in Markdown: what they are for, data, licence, training, scores and limits.

    Args:
        name: one of `pretrained_names()`.

    Raises:
        ValueError: for another name.

    >>> print(model_card("nuclei_2d").splitlines()[0])
    # nuclei_2d
    """
    return shipped(name, ".md").read_text(encoding="utf-8")


def shipped(name: Any, ending: str = ".safetensors") -> Path:
    """The file of that name and ending."""
    if name not in pretrained_names():
        raise ValueError(f"`name` must be one of {', '.join(map(repr, pretrained_names()))}; got {name!r}.")
    return FOLDER / f"{name}{ending}"
