"""What a person sees of the plugin: fields and buttons that know nothing of what they are for."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from magicgui.widgets import CheckBox, ComboBox, Container, FloatSpinBox, Label, ProgressBar, PushButton, SpinBox

from graphrw.napari.sessions import Options, Wanted

REGIONS, PIXELS = "superpixels", "pixels"
THIS, ALL = "this frame", "all frames with strokes"


@dataclass(frozen=True, eq=False)
class Controls:
    """Widgets of magicgui."""

    image: Any
    scribbles: Any
    new: Any
    axes: Any
    which: Any
    walk: Any
    n_segments: Any
    colour_model: Any
    band: Any
    beta: Any
    entropy: Any
    probabilities: Any
    live: Any
    run: Any
    cancel: Any
    keep: Any
    release: Any
    suggest: Any
    bar: Any
    words: Any

    @property
    def options(self) -> Options:
        """How to label."""
        return Options(
            superpixels=self.walk.value == REGIONS,
            n_segments=int(self.n_segments.value) or None,
            beta=self.beta.value or None,
            colour_model=self.colour_model.value,
            band=self.band.value,
        )

    @property
    def wanted(self) -> Wanted:
        """What beside labels."""
        return Wanted(self.entropy.value, self.probabilities.value)

    def busy(self, running: bool) -> None:
        """Allow what can be done while an answer is made, or while none is."""
        self.cancel.enabled = running
        for button in (self.run, self.keep, self.release, self.suggest):
            button.enabled = not running

    @property
    def every_frame(self) -> bool:
        """Whether all frames are to be labelled."""
        return bool(self.which.enabled and self.which.value == ALL)

    def fit(self, axes: int) -> None:
        """Allow what means something for an image of so many axes, and for the walk that is chosen."""
        self.axes.enabled = axes > 2
        self.which.enabled = axes > self.axes.value
        for field in (self.n_segments, self.colour_model, self.band):
            field.enabled = self.walk.value == REGIONS

    def tell(self, share: float, words: str) -> None:
        """How far it has come, from 0 to 1, and what comes now."""
        self.bar.value, self.words.value = round(100 * share), words


def make_controls(images: Callable[[Any], list[Any]], scribbles: Callable[[Any], list[Any]]) -> Controls:
    """All fields and buttons, with what their tooltips say.

    Args:
        images: of a field: the layers that it offers.
        scribbles: likewise.
    """
    return Controls(
        image=ComboBox(label="image", choices=images),
        scribbles=ComboBox(label="strokes", choices=scribbles, tooltip="0: to be labelled; any other number: a label"),
        new=PushButton(text="New layer for strokes"),
        axes=ComboBox(label="a frame is", choices=[("an image (2D)", 2), ("a volume (3D)", 3)], value=2),
        which=ComboBox(label="label", choices=[THIS, ALL]),
        walk=ComboBox(label="walk over", choices=[REGIONS, PIXELS], tooltip="Superpixels are faster and see colours"),
        n_segments=_or_automatic("superpixels", "How many, about", step=100, digits=0),
        colour_model=CheckBox(text="colours count everywhere", value=True),
        band=SpinBox(label="band", value=4, max=100, tooltip="So near to borders, pixels are labelled one by one"),
        beta=_or_automatic("β", "How hard it is to cross an edge of the image", step=1, digits=2),
        entropy=CheckBox(text="entropy", tooltip="How undecided each pixel is"),
        probabilities=CheckBox(text="probabilities", tooltip="One plane for each label; the first slider chooses it"),
        live=CheckBox(text="answer every stroke"),
        run=PushButton(text="Run"),
        cancel=PushButton(text="Cancel", enabled=False),
        keep=PushButton(text="Keep label", tooltip="What has the chosen label now keeps it, whatever is painted later"),
        release=PushButton(text="Release", tooltip="Let go of all that was kept"),
        suggest=PushButton(text="Suggest", tooltip="Mark where one more stroke would help most"),
        bar=ProgressBar(label="", min=0, max=100, value=0),
        words=Label(value="Paint a stroke on each thing."),
    )


def arrange(controls: Controls) -> Container:
    """One below the other."""
    c, fields = controls, Container()
    fields.extend([c.image, c.scribbles, c.new, c.axes, c.which])  # one by one, which aligns them
    fields.extend([c.walk, c.n_segments, c.band, c.beta, c.colour_model])
    outputs, start, more = _row(c.entropy, c.probabilities), _row(c.run, c.cancel), _row(c.keep, c.release, c.suggest)
    return Container(widgets=[fields, outputs, c.live, start, more, c.bar, c.words], labels=False)


def _row(*widgets: Any) -> Container:
    return Container(widgets=list(widgets), layout="horizontal", labels=False)


def _or_automatic(label: str, tooltip: str, *, step: float, digits: int) -> FloatSpinBox:
    field = FloatSpinBox(label=label, tooltip=tooltip, min=0, max=1e9, step=step, value=0)
    field.native.setDecimals(digits)
    field.native.setSpecialValueText("automatic")  # instead of 0
    return field
