"""Each of the four systems ready to train: a trunk, heads, the walk between them, and a loss."""

from graphrw.models.features import FeatureTrunk
from graphrw.models.learned_random_walker import LearnedRandomWalker
from graphrw.models.ndd import NDD
from graphrw.models.pretrained import EfficientNetLite0
from graphrw.models.rawks import RAWKS
from graphrw.models.rwn import RWN
from graphrw.models.scale import InputScale
from graphrw.models.shipped import model_card, pretrained_names
from graphrw.models.tiling import apply_in_tiles
from graphrw.models.trunk import Trunk

__all__ = [
    "NDD",
    "RAWKS",
    "RWN",
    "EfficientNetLite0",
    "FeatureTrunk",
    "InputScale",
    "LearnedRandomWalker",
    "Trunk",
    "apply_in_tiles",
    "model_card",
    "pretrained_names",
]
