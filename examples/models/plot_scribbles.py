"""
Learn to segment from scribbles
===============================

To label every pixel of a training picture takes minutes, a scribble on each thing takes seconds. RAWKS [1]_ makes
labels of scribbles while it learns. One network predicts where things have boundaries; walkers die there, so that
from each pixel they reach the scribbles on their own side alone, and the share of each label is the target for a
second network, which predicts classes. Where walkers disagree the target counts for less. Both networks learn from
one loss, through the walk.

.. [1] P. Vernaza, M. Chandraker, *Learning random-walk label propagation for weakly-supervised semantic segmentation*,
       CVPR 2017.
"""

import torch
from matplotlib import pyplot as plt
from torch.nn.functional import avg_pool2d, binary_cross_entropy, cross_entropy, max_pool2d

import graphrw as rw

# %%
# Scenes are generated: a ball and a block on a grey ground, bright or dark in the middle and fading to their rims, in
# noise. A scribble of three pixels on each, two on the ground; about 1 % of the pixels are labelled.

size = 32
place = torch.stack(torch.meshgrid(torch.arange(size), torch.arange(size), indexing="ij"), dim=-1)


def scene():
    """(3, H, W): an image, its labels, and scribbles, −1 where there is none."""
    image, truth, scribbles = torch.tensor([0.0, 0.0, -1.0])[:, None, None].repeat(1, size, size)
    mirrored = torch.rand(2) < 0.5
    for label, corner in ((1, 9), (2, 22)):
        middle = corner + torch.randint(-1, 2, (2,))
        row, column = torch.where(mirrored, size - 1 - middle, middle).tolist()
        away = (place - torch.tensor([row, column])).abs() / (torch.randint(5, 8, ()) + 0.4)
        away = away.norm(dim=-1) if label == 1 else away.amax(-1) / 0.85
        image = torch.where(away <= 1, (1.5 - label) * (2 - away), image)
        truth[away <= 1] = label
        scribbles[row, column - 1 : column + 2] = label
    far = (max_pool2d(truth[None], 9, 1, 4)[0, :, :-3] == 0).nonzero()
    for row, column in far[torch.randperm(len(far))[:2]].tolist():
        scribbles[row, column : column + 4] = 0
    return torch.stack([image + 0.1 * torch.randn(size, size), truth, scribbles])


def scenes(count):
    images, truth, scribbles = torch.stack([scene() for _ in range(count)], dim=1)
    return images[:, None], truth.long(), scribbles.long()


# %%
# Two models see the same scenes, scribbles and edges of the images. One learns from the labelled pixels alone; the
# other also through the walk, ``model.loss``.


def train(through_the_walk):
    torch.manual_seed(0)
    model = rw.models.RAWKS(in_channels=1, num_classes=3, width=8)
    optimiser = torch.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(50):
        images, _, scribbles = scenes(4)
        down, right = torch.gradient(avg_pool2d(images, 3, 1, 1, count_include_pad=False), dim=(2, 3))
        edges = (torch.hypot(down, right) > 0.12).float()  # where the smoothed image is steep
        dies = -torch.expm1(-model.boundary(images))  # the chance that a walker dies at a pixel
        loss = binary_cross_entropy(dies, edges)
        if through_the_walk:
            loss = loss + model.loss(images, scribbles)
        else:
            loss = loss + cross_entropy(model(images), scribbles, ignore_index=-1)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return model.eval()


models = {"scribbles alone": train(False), "through the walk": train(True)}

# %%
# 24 scenes that neither has seen. The true labels are used here for the first time.

torch.manual_seed(99)
images, truth, scribbles = scenes(24)
for name, model in models.items():
    print(f"{name}: mean IoU {rw.metrics.mean_iou(model(images).argmax(1), truth):.2f}")

# %%
# From left to right: what the model sees, the boundary, what the walk makes of the scribbles, and what the two
# networks predict for the image without any scribble.

teacher = models["through the walk"]
colours = torch.tensor([[0.75, 0.75, 0.75], [0.9, 0.5, 0.1], [0.1, 0.4, 0.75]])
columns = {
    "image, scribbles": torch.where(scribbles[..., None] < 0, images[:, 0, ..., None] / 2 + 0.5, colours[scribbles]),
    "boundary": -torch.expm1(-teacher.boundary(images))[:, 0],
    "what the walk makes": teacher.propagate(images, scribbles).movedim(1, -1) @ colours,
    **{f"network, {name}": colours[model(images).argmax(1)] for name, model in models.items()},
    "truth": colours[truth],
}
figure, axes = plt.subplots(2, len(columns), figsize=(14, 5), layout="constrained")
for column, (title, pictures) in zip(axes.T, columns.items()):
    column[0].set_title(title, fontsize=10)
    for axis, picture in zip(column, pictures):
        axis.imshow(picture.detach().clamp(0, 1).numpy(), cmap="magma", vmin=0, vmax=1)
        axis.set_axis_off()
plt.show()
