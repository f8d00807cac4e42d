"""Seeded segmentation of images and volumes, in the array types and label ids of the caller."""

from graphrw.segmentation.random_walker import random_walker

__all__ = ["random_walker"]
