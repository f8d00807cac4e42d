"""Images, volumes and label images in files, with the distances and the place that the files tell of."""

from graphrw.files.formats import check_label_fits, check_place, check_writable, read_image, write_image, write_images
from graphrw.files.image_file import ImageFile
from graphrw.files.in_parts import check_writable_in_parts, create_in_parts, open_in_parts
from graphrw.files.label_image import read_labels, smallest_type
from graphrw.files.replacing import replacing

__all__ = [
    "ImageFile",
    "check_label_fits",
    "check_place",
    "check_writable",
    "check_writable_in_parts",
    "create_in_parts",
    "open_in_parts",
    "read_image",
    "read_labels",
    "replacing",
    "smallest_type",
    "write_image",
    "write_images",
]
