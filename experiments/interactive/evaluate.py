"""Segmentation from strokes: `segment` beside random walkers, watershed and GrabCut, on sets with people's strokes.

The error is the share of the pixels off the strokes whose truth is known that get the wrong label, in per cent, and
time is that of the processor on one thread, without reading files. The one option of each peer is chosen with `--tune`
on the training images of GrabCut's set, both kinds of strokes together, and the choice stands in `CHOSEN`.

`experiments/README.md` says how to run this and which data it needs.
"""

import argparse
import json
import os
from pathlib import Path
from time import process_time

import numpy as np
import torch
from cases import SETS, Case
from methods import METHODS, cv2

CHOSEN: dict[str, object] = {
    "segment": None,
    "random_walker": 1000,
    "random_walker of scikit-image": 90,
    "watershed": 2.0,
    "GrabCut of OpenCV": "nearest stroke",
}
DATA = """This experiment needs DIR, given by --data or in the variable GRAPHRW_DATA: see experiments/README.md for what
it holds. The sets do not come with graphrw."""


def score(name: str, option: object, case: Case) -> dict[str, float | str]:
    began = process_time()
    found = METHODS[name][0](case, option)
    seconds = process_time() - began
    found, truth = found[case.known], case.truth[case.known]
    overlap = (found & truth).sum() / max(1, (found | truth).sum())
    return {
        "image": case.name,
        "error": 100 * float((found != truth).mean()),
        "iou": float(overlap),
        "seconds": seconds,
    }


def mean(scores: list[dict], key: str) -> float:
    return float(np.mean([each[key] for each in scores]))


def tune(folder: Path, names: list[str]) -> None:
    """The mean error of every option on the training images of GrabCut's set."""
    cases = [case for strokes in ("robot", "human") for case in SETS["grabcut"][0](folder, "train", strokes)]
    for name in names:
        for option in METHODS[name][1]:
            print(f"{name}, {option}: {mean([score(name, option, case) for case in cases], 'error'):.2f} %", flush=True)


def compare(folder: Path, names: list[str], chosen: list[tuple[str, str, str]]) -> dict[str, list[dict]]:
    results = {}
    print("| set | " + " | ".join(names) + " |\n|---|" + "---|" * len(names))
    for set_name, split, strokes in chosen:
        cases = list(SETS[set_name][0](folder, split, strokes))
        for case in cases[:1]:  # what is loaded, or planned, at the first call does not count
            [score(name, CHOSEN[name], case) for name in names]
        row = [[score(name, CHOSEN[name], case) for case in cases] for name in names]
        title = f"{set_name} {split}, {strokes} ({len(cases)})"
        results |= {f"{title}: {name}": scores for name, scores in zip(names, row, strict=True)}
        cells = [f"{mean(scores, 'error'):.2f} % ({mean(scores, 'seconds'):.2f} s)" for scores in row]
        print(f"| {title} | " + " | ".join(cells) + " |", flush=True)
    return results


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=os.environ.get("GRAPHRW_DATA"))
    parser.add_argument("--set", choices=SETS, nargs="*", default=list(SETS))
    parser.add_argument("--split", nargs="*", help="of the sets' own splits, some")
    parser.add_argument("--methods", choices=METHODS, nargs="*", default=list(METHODS))
    parser.add_argument("--tune", action="store_true")
    parser.add_argument("--out", type=Path, help="a JSON file for the score of every image")
    args = parser.parse_args()
    if args.data is None or not Path(args.data).is_dir():
        raise SystemExit(DATA)
    torch.set_num_threads(1)
    names = [name for name in args.methods if cv2 is not None or "OpenCV" not in name]
    if len(names) < len(args.methods):
        print("GrabCut is left out: `pip install opencv-python-headless`.")
    if cv2 is not None:
        cv2.setNumThreads(1)
    if args.tune:
        return tune(args.data, names)
    chosen = [
        (name, split, strokes)
        for name in args.set
        for split in SETS[name][1]
        if args.split is None or split in args.split
        for strokes in SETS[name][2]
    ]
    results = compare(args.data, names, chosen)
    if args.out is not None:
        args.out.write_text(json.dumps(results, indent=1), encoding="utf-8")
    return None


if __name__ == "__main__":
    main()
