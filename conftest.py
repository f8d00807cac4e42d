"""Which files can be read for doctests: those of the plugin only where napari is, which has tests of its own.

And where Triton's kernels run: it looks when it is first imported, which PyG does.
"""

import os
from importlib.util import find_spec

import torch

NEED_NAPARI = ("background", "controls", "layers", "panel")
collect_ignore = [] if find_spec("napari") else [f"graphrw/napari/{name}.py" for name in NEED_NAPARI]
if not find_spec("anndata"):
    collect_ignore.append("graphrw/convert/anndata.py")
if not find_spec("triton"):
    collect_ignore.append("graphrw/solvers/gpu/kernels.py")
if not torch.cuda.is_available():
    os.environ["TRITON_INTERPRET"] = "1"
