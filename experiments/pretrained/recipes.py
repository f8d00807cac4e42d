"""The networks whose weights come with graphrw, and how each is trained."""

from collections.abc import Mapping
from typing import Any

# By name: options of `experiments/lrw/train.py`. Images are stretched, since microscopes differ in how much of a byte
# they use, and varied in contrast, brightness and noise. Magnified sections stand for pixels of 10, 6.7 and 4 nm.
COMMON: Mapping[str, Any] = {"stretch": True, "vary": True}
RECIPES: Mapping[str, Mapping[str, Any]] = {
    "em_membranes_2d": {
        **COMMON,
        "set": "em_fib25_sections",
        "width": 16,
        "stride": 1,
        "crop": 96,
        "zooms": (1.0, 1.5, 2.5),
        "walled": True,
        "walk_share": 0.6,
        "minutes": 24.0,
    },
    "em_membranes_3d": {
        **COMMON,
        "set": "em_fib25",
        "width": 8,
        "stride": 2,
        "crop": 48,
        "walk_crop": 64,
        "walled": True,
        "variation": 1.0,
        "judged": 4,
        "validations": 10,
        "learning_rate": 2e-3,
        "walk_rate": 1e-3,
        "walk_share": 0.67,
        "minutes": 30.0,
    },
    "nuclei_2d": {
        **COMMON,
        "set": "cells_dsb2018",
        "width": 16,
        "stride": 1,
        "crop": 96,
        "variation": 1.0,
        "judged": 1,
        "validations": 8,
        "minutes": 13.0,
    },
}
# What the first is compared with: the same network, trained on the set that both are scored on.
PEERS: Mapping[str, Mapping[str, Any]] = {
    "em_isbi2012_2d": {**RECIPES["em_membranes_2d"], "set": "em_isbi2012", "zooms": (1.0,), "walled": False},
}
