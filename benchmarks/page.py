"""The scribble page's server: seconds from a stroke to its labels, beside those of the session behind it.

Claim: the page adds little to what the session itself takes.
Run: python benchmarks/page.py (with the extra `page`, and httpx2 for starlette's test client)
Last result: docs/page.md.

The image is scikit-image's astronaut, 512 × 512. Strokes come one after the other, discs of one of four labels, each sent
as the page sends it (`paint`, then `labels`) and made on a session of its own. CPU seconds of one thread, medians: other
work on the machine counts little.
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


def disc(row: int, column: int, shape: tuple[int, int]) -> np.ndarray:
    rows, columns = np.ogrid[: shape[0], : shape[1]]
    return (rows - row) ** 2 + (columns - column) ** 2 <= RADIUS**2


def runs_of(mask: np.ndarray) -> list[list[int]]:
    edges = np.flatnonzero(np.diff(np.r_[0, mask.ravel(), 0].astype(int)))
    return np.c_[edges[::2], edges[1::2] - edges[::2]].tolist()


def seconds(act: Callable[[], object]) -> float:
    begin = time.process_time()
    act()
    return time.process_time() - begin


def measure(superpixels: bool, strokes: int) -> tuple[list[float], list[float]]:
    image, generator = data.astronaut(), np.random.default_rng(0)
    drawing = Drawing()
    drawing.superpixels = superpixels
    drawing.open(image, "astronaut")
    session = Session(image, channel_axis=2, superpixels=superpixels)
    page_times, session_times = [], []
    guarded = Guard(application(drawing), "token", "127.0.0.1")
    with TestClient(guarded, base_url=f"{HOST}/token/", headers={"origin": HOST}) as client:
        for index in range(strokes + 4):
            label = index % 4 + 1
            mask = disc(*(generator.integers(-40, 41, 2) + PLACES[label]), image.shape[:2])
            stroke = {"label": label, "runs": runs_of(mask)}
            page_times.append(seconds(lambda: (client.post("paint", json=stroke), client.get("labels"))))  # noqa: B023
            session_times.append(seconds(lambda: (session.paint(label, mask), session.labels)))  # noqa: B023
            assert client.get("labels").content == session.labels.astype(np.uint8).tobytes()
    return page_times[4:], session_times[4:]  # when all labels are there


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--strokes", type=int, default=15)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    print(f"{platform.processor() or platform.machine()}, torch {torch.__version__}, one thread")
    for name, superpixels in [("superpixels", True), ("pixels", False)]:
        page, session = (statistics.median(times) for times in measure(superpixels, arguments.strokes))
        print(f"{name}: page {page:.3f} s, session alone {session:.3f} s, the page's share {page - session:.3f} s")


if __name__ == "__main__":
    main()
