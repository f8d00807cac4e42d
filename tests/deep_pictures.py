"""Files of PNG that Pillow does not write."""

import struct
import zlib

COLOURS = {"L": 0, "RGB": 2, "LA": 4, "RGBA": 6}


def png(header: bytes, rows: bytes) -> bytes:
    """A file with this header, and these rows, each with a byte before it that names its filter."""
    parts = {b"IHDR": header, b"IDAT": zlib.compress(rows), b"IEND": b""}
    chunks = [
        struct.pack(">I", len(part)) + name + part + struct.pack(">I", zlib.crc32(name + part))
        for name, part in parts.items()
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def deep_png(kind: str, height: int = 20, width: int = 30) -> bytes:
    """16 bits for each channel, all of them 0x1234."""
    header = struct.pack(">IIBBBBB", width, height, 16, COLOURS[kind], 0, 0, 0)
    return png(header, height * (b"\0" + width * len(kind) * b"\x12\x34"))
