"""Sessions whose weights and absorption follow a model in full strength, whatever the strokes say of it."""

from collections.abc import Callable

import graphrw as rw
from experiments.data.strokes import Case
from experiments.interactive.methods import channel_axis
from graphrw.segmentation.labelling import region_labeller
from graphrw.segmentation.learning.learn import LearnedModel
from graphrw.segmentation.regions.image_regions import ImageRegions


def session_by(case: Case, model_of: Callable[[ImageRegions], LearnedModel]) -> rw.Session:
    """As `Session.learn` leaves one, which would choose the strength by itself."""
    session = rw.Session(case.image, channel_axis(case))
    session._label = region_labeller(session._regions, session._options, session._solver, model_of(session._regions))
    return session
