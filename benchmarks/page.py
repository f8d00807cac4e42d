"""The scribble page's server: seconds from a stroke to its labels, beside those of the session behind it.

Claim: the page adds little to what the session itself takes.
Run: python benchmarks/page.py (with the extra `page`, and httpx2 for starlette's test client)
Last result: docs/page.md.

The image is the astronaut, 512 × 512 (times `--scale`). Strokes come one after the other, discs of one of four
labels, each sent as the page sends it (`paint`, then `labels`) and made on a session of its own. CPU seconds of one
thread, medians: other work on the machine counts little.
"""

import argparse
import platform
import statistics
import time
from collections.abc import Callable

import numpy as np
import torch
from skimage import data
from starlette.testclient import TestClient

from graphrw import Session
from graphrw.page.app import application
from graphrw.page.drawing import Drawing
from graphrw.page.guard import Guard

HOST = "http://127.0.0.1"
PLACES = {1: (400, 230), 2: (110, 220), 3: (150, 60), 4: (180, 440)}  # label → row, column
RADIUS = 8


def disc(row: int, column: int, *, shape: tuple[int, int], radius: int) -> np.ndarray:
    rows, columns = np.ogrid[: shape[0], : shape[1]]
    return (rows - row) ** 2 + (columns - column) ** 2 <= radius**2


def runs_of(mask: np.ndarray) -> list[list[int]]:
    edges = np.flatnonzero(np.diff(np.r_[0, mask.ravel(), 0].astype(int)))
    return np.c_[edges[::2], edges[1::2] - edges[::2]].tolist()


def seconds(act: Callable[[], object]) -> float:
    begin = time.process_time()
    act()
    return time.process_time() - begin


def measure(superpixels: bool, *, strokes: int, scale: int) -> tuple[list[float], list[float]]:
    image, generator = np.kron(data.astronaut(), np.ones((scale, scale, 1), np.uint8)), np.random.default_rng(0)
    drawing = Drawing()
    drawing.superpixels = superpixels
    drawing.open(image, "astronaut")
    session = Session(image, channel_axis=2, superpixels=superpixels)
    page_times, session_times = [], []
    guarded = Guard(application(drawing), "token", "127.0.0.1")
    with TestClient(guarded, base_url=f"{HOST}/token/", headers={"origin": HOST}) as client:
        for index in range(strokes + 4):
            label = index % 4 + 1
            row, column = scale * (generator.integers(-40, 41, 2) + PLACES[label])
            mask = disc(row, column, shape=image.shape[:2], radius=scale * RADIUS)
            stroke = {"label": label, "runs": runs_of(mask)}
            page_times.append(seconds(lambda: (client.post("paint", json=stroke), client.get("labels"))))  # noqa: B023
            session_times.append(seconds(lambda: (session.paint(label, mask), session.labels)))  # noqa: B023
            assert client.get("labels").content == session.labels.astype(np.uint8).tobytes()
    return page_times[4:], session_times[4:]  # when all labels are there


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--strokes", type=int, default=15)
    parser.add_argument("--scale", type=int, default=1, help="how many pixels on a side become of each")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    print(f"{platform.processor() or platform.machine()}, torch {torch.__version__}, one thread")
    for name, superpixels in [("superpixels", True), ("pixels", False)]:
        times = measure(superpixels, strokes=arguments.strokes, scale=arguments.scale)
        page, session = map(statistics.median, times)
        print(f"{name}: page {page:.3f} s, session alone {session:.3f} s, the page's share {page - session:.3f} s")


if __name__ == "__main__":
    main()
