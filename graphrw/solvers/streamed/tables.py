"""Files of tensors, as `safetensors.torch.save_file` writes them."""

from pathlib import Path

from safetensors.torch import load_file
from torch import Tensor


def load_tables(path: Path) -> dict[str, Tensor]:
    """All tensors of a file.

    It is read, not mapped: where Ctrl-C comes while safetensors maps a file, a ValueError takes its place.
    """
    return load_file(path, backend="pread")
