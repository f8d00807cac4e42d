"""What is done with the scores f of a network: nothing, a walk with some weights, or a dense CRF."""

from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

import graphrw as rw
from experiments.rwn.scenes import Scene
from graphrw.functional import limit
from graphrw.models import RWN

try:
    from pydensecrf.densecrf import DenseCRF2D
except ImportError:  # the only peer that needs it is left out, and said so
    DenseCRF2D = None

ALPHAS = (0.2, 0.5, 0.8, 0.9)
POWERS = (0.5, 1.0, 2.0)  # of the weights of the learned walk
BETAS = (10.0, 30.0, 100.0)  # of L1 distances of RGB
SIGMAS = (0.03, 0.1)  # of RGB, in Gaussian weights
STEPS = (1, 2, 4, 8, 16)
UNLEARNED = {"uniform": 1.0, "gaussian": 0.03, "colours": 30.0}  # weights, and their number where a network learns


@dataclass(eq=False)
class Scored:
    """A scene with the scores of one model, and the walks on it, each made once."""

    scene: Scene
    model: RWN
    radius: float
    f: Tensor = field(init=False)  # (N, L)
    walks: dict[tuple[str, float], rw.Walk] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.f = self.scene.scores(self.model)[0].flatten(1).T.contiguous()

    def walk(self, weights: str, number: float) -> rw.Walk:
        """Weights: learned (to a power), colours (β), gaussian (σ), uniform."""
        if (weights, number) not in self.walks:
            graph = rw.grid_graph(tuple(self.scene.image.shape[2:]), radius=self.radius)
            self.walks[weights, number] = rw.walk(graph, self._weight(graph, weights, number))
        return self.walks[weights, number]

    def classes(self, y: Tensor) -> Tensor:
        """(1, H, W) from rows (N, L)."""
        return y.argmax(1).view(self.scene.classes.shape)

    def _weight(self, graph: rw.Graph, weights: str, number: float) -> Tensor:
        if weights in UNLEARNED:
            return unlearned(graph, self.scene.image, weights, number)
        features = number * self.model.contrast * self.scene.early_features(self.model)
        return rw.build.above(self.model.affinity(features, graph))


def unlearned(graph: rw.Graph, image: Tensor, weights: str, number: float) -> Tensor:
    """Weights (E,) of an image (1, 3, H, W): uniform, colours (β), gaussian (σ)."""
    rows = image[0].flatten(1).T.contiguous()
    if weights == "uniform":
        return rows.new_ones(graph.num_edges)
    if weights == "colours":
        return rw.build.above(rw.build.l1_affinity(graph, rows, number))
    return rw.build.above(rw.gaussian_affinity(graph, rows, 0.5 / number**2))


@dataclass(frozen=True)
class Setting:
    """A method with its numbers."""

    weights: str
    number: float = 1.0  # a power, β or σ
    alpha: float | None = None  # of the limit; None: steps
    steps: int = 1


AS_LEARNED = Setting("learned", 1.0, 0.9)  # as it was trained, unless `train.py` was told otherwise


def walked(scored: Scored, setting: Setting) -> Tensor:
    """The scores after the walk, (N, L)."""
    moved = scored.walk(setting.weights, setting.number)
    if setting.alpha is None:
        return rw.step(moved, scored.f, setting.steps)
    return limit(moved, scored.f, setting.alpha, rtol=1e-3)


def settings(weights: str) -> list[Setting]:
    """All that is tried on the split that chooses."""
    if weights == "as learned":
        return [AS_LEARNED]
    numbers = {"learned": POWERS, "colours": BETAS, "gaussian": SIGMAS}.get(weights, (1.0,))
    limits = [Setting(weights, number, alpha) for number in numbers for alpha in ALPHAS]
    return [Setting(weights, number, steps=steps) for number in numbers for steps in (1, 4, 8)] + limits


@dataclass(frozen=True)
class Kernel:
    """Numbers of a dense CRF (Krähenbühl & Koltun 2011): an appearance and a smoothness kernel."""

    weight: float
    place: float  # pixels
    colour: float  # grey values from 0 to 255


KERNELS = tuple(Kernel(w, place, colour) for w in (3.0, 8.0) for place in (20.0, 50.0) for colour in (5.0, 13.0))
SMOOTH, ROUNDS = 3.0, 5  # the weight of the smoothness kernel of 3 pixels; rounds of mean field


def crf(scored: Scored, kernel: Kernel) -> Tensor:
    """The probabilities of a dense CRF, (N, L)."""
    height, width = scored.scene.classes.shape[1:]
    field_ = DenseCRF2D(width, height, scored.f.shape[1])
    field_.setUnaryEnergy((-torch.log_softmax(scored.f, 1)).T.contiguous().numpy())
    field_.addPairwiseGaussian(sxy=3, compat=SMOOTH)
    image = (255 * scored.scene.image[0]).round().byte().movedim(0, -1).contiguous().numpy()
    field_.addPairwiseBilateral(sxy=kernel.place, srgb=kernel.colour, rgbim=image, compat=kernel.weight)
    return torch.from_numpy(np.array(field_.inference(ROUNDS))).T
