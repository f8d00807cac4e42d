"""Whether the plain walk over a volume fits, told before the volume is read."""

import math

from graphrw.cli.task import Inputs, size
from graphrw.core.memory import require_memory
from graphrw.files import open_in_parts
from graphrw.files.formats import format_of
from graphrw.segmentation.pixels.cost import BLOCKS
from graphrw.segmentation.session.forecast import forecast

SEEDS, PIXEL = 16, 8  # bytes a voxel: seeds and strokes as int64, pixels as float64, each channel


def require_room_for_volume(inputs: Inputs) -> None:
    """Raise `MemoryError` if it does not, for a Zarr, whose shape is known at once.

    Where a mask, or seeds < 0, may leave little of it, and for other formats, the walk itself raises once it has begun.
    """
    files = [inputs.image, inputs.seeds]
    if inputs.mask is not None or inputs.are_strokes or any(format_of(path).name != "Zarr" for path in files):
        return
    image, seeds = (open_in_parts(path).values for path in files)
    if len(seeds.shape) == 3 and seeds.dtype.kind == "u":
        held = (image.dtype.itemsize + PIXEL) * math.prod(image.shape) + SEEDS * math.prod(seeds.shape)
        needed = held + forecast(tuple(seeds.shape), superpixels=False).bytes
        require_memory(needed, f"The plain walk over {size(seeds.shape)} voxels", BLOCKS)
