"""Charts of the experiments' pages show the results that are kept, and nothing in them is cut off or small."""

import re
import runpy
from importlib import import_module
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from matplotlib import pyplot as plt
from matplotlib.text import Text

from experiments.shared.charts import ROOT, STYLE

SYSTEMS = ("lrw", "rawks", "rwn", "superpixels")
SMALLEST = 9  # points
LARGEST = 150_000  # bytes
NAMES, NUMBER = re.compile(r'id="[^"]*"|#[\w-]+'), re.compile(r"-?\d+(?:\.\d+)?")


@pytest.mark.parametrize("system", SYSTEMS)
def test_letters_of_a_chart_are_not_small_and_lie_within_it(system: str) -> None:
    with plt.rc_context({**STYLE, "backend": "agg"}):
        figure = import_module(f"experiments.{system}.chart").draw()
        figure.draw_without_rendering()
        texts = [text for text in figure.findobj(Text) if text.get_visible() and text.get_text().strip()]
        drawn, (width, height) = figure.get_tightbbox(), figure.get_size_inches()
        assert len(texts) > 10
        assert min(text.get_fontsize() for text in texts) >= SMALLEST
        assert 0 <= drawn.x0 < drawn.x1 <= width
        assert 0 <= drawn.y0 < drawn.y1 <= height
        plt.close(figure)


@pytest.mark.parametrize("system", SYSTEMS)
def test_the_chart_of_a_page_is_that_of_the_results(
    system: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = str(ROOT / "experiments" / system / "chart.py")
    monkeypatch.setattr("sys.argv", [script, "--out", str(tmp_path / "a.svg")])
    runpy.run_path(script, run_name="__main__")
    drawn = (tmp_path / "a.svg").read_text(encoding="utf-8")
    page = ROOT / "docs" / "pictures" / f"{system}.svg"
    shown = page.read_text(encoding="utf-8")
    assert len(shown) < LARGEST
    if f"Matplotlib v{matplotlib.__version__}," not in shown:
        pytest.skip("another version of matplotlib drew it, which may place things otherwise")
    old, new = (np.array(NUMBER.findall(NAMES.sub("", svg)), float) for svg in (shown, drawn))
    again = f"draw it again: python experiments/{system}/chart.py"
    assert old.shape == new.shape, again
    assert np.abs(old - new).max() < 0.1, again


def test_the_means_in_the_chart_of_tissue_are_those_of_the_page() -> None:
    page = (ROOT / "docs" / "lrw.md").read_text(encoding="utf-8")
    with plt.rc_context({**STYLE, "backend": "agg"}):
        figure = import_module("experiments.lrw.chart").draw()
        means = {text.get_text() for text in figure.findobj(Text) if re.fullmatch(r"\d\.\d{3}", text.get_text())}
        plt.close(figure)
    assert len(means) == 12
    assert [mean for mean in means if f"{mean} ±" not in page and f"| {mean} |" not in page] == []
