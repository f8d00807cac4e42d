"""Seeded segmentation of images and volumes, in the array types and label ids of the caller."""

from graphrw.segmentation.image_regions import ImageRegions, image_regions
from graphrw.segmentation.overlay import overlay
from graphrw.segmentation.random_walker import random_walker
from graphrw.segmentation.segment import segment
from graphrw.segmentation.stroke_labels import StrokeLabels, label_strokes

__all__ = ["ImageRegions", "StrokeLabels", "image_regions", "label_strokes", "overlay", "random_walker", "segment"]
