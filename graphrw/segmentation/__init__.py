"""Seeded segmentation of images and volumes, in the array types and label ids of the caller."""

from graphrw.segmentation.blocks import random_walker_blocks
from graphrw.segmentation.overlay import overlay
from graphrw.segmentation.random_walker import random_walker
from graphrw.segmentation.segment import segment
from graphrw.segmentation.session.session import Session

__all__ = ["Session", "overlay", "random_walker", "random_walker_blocks", "segment"]
