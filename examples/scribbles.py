"""Learn to segment from scribbles: a random walk spreads them up to image edges, and a network learns from the result.

Bright balls and dark blocks fade towards their borders; only a stroke in the middle of each and two on the background
have labels. Two networks see the same images, strokes and image edges: one learns labels from the strokes alone, the
other also through a walk, which dies at the boundaries it predicts (RAWKS, Vernaza & Chandraker 2017).
Run: python examples/scribbles.py --out results/scribbles --seeds 3
"""

import argparse
from pathlib import Path
from statistics import median

import matplotlib as mpl
import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, binary_cross_entropy, cross_entropy, max_pool2d

import graphrw as rw

mpl.use("Agg")
from matplotlib import pyplot as plt

SIZE, NOISE, EDGE, STEPS = 32, 0.1, 0.12, 80
NAMES = ("strokes alone", "through the walk")
COLOURS = torch.tensor([[0.75, 0.75, 0.75], [0.9, 0.5, 0.1], [0.1, 0.4, 0.75]])  # background, ball, block
PLACE = torch.stack(torch.meshgrid(torch.arange(SIZE), torch.arange(SIZE), indexing="ij"), dim=-1)


def scene() -> Tensor:
    """(3, H, W): an image, its labels, and strokes, which are −1 where there is none."""
    image, truth, strokes = torch.tensor([0.0, 0.0, -1.0])[:, None, None].repeat(1, SIZE, SIZE)
    mirrored = torch.rand(2) < 0.5
    for label, corner in ((1, 9), (2, 22)):
        middle = corner + torch.randint(-1, 2, (2,))
        y, x = torch.where(mirrored, SIZE - 1 - middle, middle).tolist()
        away = (PLACE - torch.tensor([y, x])).abs() / (torch.randint(5, 8, ()) + 0.4)
        away = away.norm(dim=-1) if label == 1 else away.amax(-1) / 0.85
        image = torch.where(away <= 1, (1.5 - label) * (2 - away), image)  # 1 in the middle, 1/2 at the border; or −1 …
        truth[away <= 1] = label
        strokes[y, x - 1 : x + 2] = label
    far = (max_pool2d(truth[None], 9, 1, 4)[0, :, :-3] == 0).nonzero()
    for y, x in far[torch.randperm(len(far))[:2]].tolist():
        strokes[y, x : x + 4] = 0
    return torch.stack([image + NOISE * torch.randn(SIZE, SIZE), truth, strokes])


def scenes(count: int) -> tuple[Tensor, Tensor, Tensor]:
    images, truth, strokes = torch.stack([scene() for _ in range(count)], dim=1)
    return images[:, None], truth.long(), strokes.long()


def train(seed: int, through_the_walk: bool) -> rw.models.RAWKS:
    """Fit a model to fresh scenes at every step; their truth is not used."""
    torch.manual_seed(seed)
    model = rw.models.RAWKS(in_channels=1, num_classes=3, width=8)
    optimiser = torch.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(STEPS):
        images, _, strokes = scenes(4)
        down, right = torch.gradient(avg_pool2d(images, 3, 1, 1, count_include_pad=False), dim=(2, 3))
        edges = (torch.hypot(down, right) > EDGE).float()  # where the smoothed image is steep
        dies = -torch.expm1(-model.boundary(images))  # the chance that a walk dies at a pixel
        loss = binary_cross_entropy(dies, edges) + cross_entropy(model(images), strokes, ignore_index=-1)
        optimiser.zero_grad()
        (loss + model.loss(images, strokes) if through_the_walk else loss).backward()
        optimiser.step()
    return model.eval()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("results/scribbles"))
    parser.add_argument("--seeds", type=int, default=1)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(99)
    images, truth, strokes = scenes(24)
    models = {name: [train(seed, name != NAMES[0]) for seed in range(args.seeds)] for name in NAMES}
    for name in NAMES:
        scores = [rw.metrics.mean_iou(model(images).argmax(1), truth) for model in models[name]]
        print(f"{name}: mean IoU {median(scores):.2f} (median of {args.seeds}) on {len(images)} images not seen")
    teacher = models[NAMES[1]][0]
    columns = {
        "image, strokes": torch.where(strokes[..., None] < 0, images[:, 0, ..., None] / 2 + 0.5, COLOURS[strokes]),
        "boundary": -torch.expm1(-teacher.boundary(images))[:, 0],
        "what the walk made": teacher.propagate(images, strokes).movedim(1, -1) @ COLOURS,
        **{f"net, {name}": COLOURS[models[name][0](images).argmax(1)] for name in NAMES},
        "truth": COLOURS[truth],
    }
    figure, axes = plt.subplots(2, len(columns), figsize=(13, 4.7), layout="constrained")
    for column, (title, pictures) in zip(axes.T, columns.items(), strict=True):
        column[0].set_title(title, fontsize=10)
        for axis, picture in zip(column, pictures, strict=False):
            axis.imshow(picture.detach().clamp(0, 1).numpy(), cmap="magma", vmin=0, vmax=1)
            axis.set_axis_off()
    figure.savefig(args.out / "scribbles.png", dpi=110)
    print(f"picture: {args.out / 'scribbles.png'}")


if __name__ == "__main__":
    main()
