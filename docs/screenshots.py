"""Pictures of the scribble page for docs/page.md: drives it in headless Chromium, as a person would.

    python docs/screenshots.py [--out docs/images] [--chromium /usr/bin/chromium] [--driver /usr/bin/chromedriver]

Needs `pip install graphrw[page] selenium`, Chromium and its driver. The images are scikit-image's.
"""

import argparse
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image, ImageColor
from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.actions.action_builder import ActionBuilder
from selenium.webdriver.common.actions.mouse_button import MouseButton
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait
from skimage import data

LABELS = ["#E69F00", "#56B4E9", "#009E73", "#F0E442", "#0072B2", "#D55E00", "#CC79A7", "#999999", "#000000"]
LARGEST = 400_000  # bytes of a picture
PATIENCE = 120  # seconds, for an answer on a busy machine

# label → lines of (column, row) in the image
ASTRONAUT = {
    1: [[(150, 480), (172, 395), (205, 335), (235, 310), (290, 380), (300, 440)], [(150, 195), (215, 250), (285, 230)]],
    2: [[(190, 70), (205, 45), (235, 38), (262, 60), (272, 85)], [(205, 110), (222, 150), (245, 110)]],
    3: [
        [(20, 40), (50, 130), (40, 240), (20, 420)],
        [(90, 20), (140, 60)],
        [(315, 30), (335, 150), (345, 260)],
        [(395, 300), (490, 340)],
    ],
    4: [[(395, 60), (420, 30), (420, 130), (405, 220)], [(455, 80), (450, 190), (490, 260)]],
    5: [[(350, 390), (400, 355), (460, 380), (490, 460)], [(370, 440), (420, 430), (400, 490)]],
}
COFFEE = {
    1: [
        [(190, 130), (250, 60), (330, 45)],
        [(205, 180), (240, 235), (310, 250)],
        [(210, 280), (222, 292)],
        [(260, 140), (330, 150)],
    ],
    2: [[(100, 210), (140, 300), (260, 345), (420, 310)], [(430, 170), (455, 240)]],
    3: [
        [(20, 30), (100, 50), (200, 25)],
        [(40, 330), (110, 388), (250, 393)],
        [(420, 380), (475, 325)],
        [(530, 60), (560, 200), (520, 360)],
    ],
    4: [[(355, 300), (375, 275)], [(405, 100), (413, 76)]],
}


class Page:
    """The page in a browser."""

    def __init__(self, driver: webdriver.Chrome) -> None:
        self.driver = driver
        self.wait = WebDriverWait(driver, PATIENCE)

    def find(self, selector: str) -> webdriver.remote.webelement.WebElement:
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def open(self, file: Path) -> None:
        self.find("#file").send_keys(str(file))
        self.wait.until(lambda _: self.driver.title == file.name)

    def press(self, key: str) -> None:
        ActionChains(self.driver).send_keys(key).perform()

    def set(self, slider: str, value: int) -> None:
        script = "arguments[0].value = arguments[1]; arguments[0].dispatchEvent(new Event('input'))"
        self.driver.execute_script(script, self.find(slider), value)

    def stroke(self, line: list[tuple[int, int]]) -> None:
        """Paint along places in the image."""
        stage = self.find("#stage")
        x, y, scale = (float(stage.get_attribute(f"data-{name}")) for name in ("x", "y", "scale"))
        corner = self.driver.execute_script("return arguments[0].getBoundingClientRect().toJSON()", stage)
        hand = ActionBuilder(self.driver, duration=0)
        for index, (column, row) in enumerate(_dense(line)):
            hand.pointer_action.move_to_location(
                int(corner["x"] + x + column * scale), int(corner["y"] + y + row * scale)
            )
            if index == 0:
                hand.pointer_action.pointer_down(MouseButton.LEFT)
        hand.pointer_action.pointer_up(MouseButton.LEFT)
        hand.perform()

    def paint(self, strokes: dict[int, list[list[tuple[int, int]]]]) -> None:
        for label, lines in strokes.items():
            self.press(str(label))
            for line in lines:
                self.stroke(line)
        self.settle()

    def settle(self) -> None:
        """Wait for the answer to all that was done."""
        time.sleep(0.3)
        self.wait.until(lambda _: "answer in" in self.find("#status").text)
        self.wait.until(lambda _: not self.find("#thinking").is_displayed())
        time.sleep(0.3)

    def aside(self) -> None:
        """Move the mouse out of the picture."""
        ActionChains(self.driver).move_to_element(self.find(".brand")).perform()
        time.sleep(0.2)

    def save(self, path: Path) -> None:
        self.driver.save_screenshot(str(path))
        if path.stat().st_size > LARGEST:
            _with_few_colours(Image.open(path).convert("RGB")).save(path, optimize=True)
        print(f"picture: {path} ({path.stat().st_size // 1000} kB)")


def _dense(line: list[tuple[int, int]], step: float = 12.0) -> Iterator[tuple[float, float]]:
    yield line[0]
    for (x0, y0), (x1, y1) in pairwise(line):
        parts = max(1, round(((x1 - x0) ** 2 + (y1 - y0) ** 2) ** 0.5 / step))
        for part in range(1, parts + 1):
            yield x0 + (x1 - x0) * part / parts, y0 + (y1 - y0) * part / parts


def _with_few_colours(image: Image.Image) -> Image.Image:
    """256 of them, for a small file; the most frequent ones, which are those of the controls, stay what they are."""
    counts = sorted(image.getcolors(image.width * image.height), reverse=True)
    exact = [colour for _, colour in counts[:31]] + [ImageColor.getrgb(colour) for colour in LABELS]
    palette = Image.new("P", (1, 1))
    palette.putpalette(
        [channel for colour in exact for channel in colour] + image.quantize(216).getpalette()[: 3 * 216]
    )
    return image.quantize(palette=palette, dither=Image.Dither.NONE)


@contextmanager
def page(arguments: argparse.Namespace, size: tuple[int, int], *, dark: bool) -> Iterator[Page]:
    """The page, as it is after its start."""
    options = Options()
    options.binary_location = arguments.chromium
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--hide-scrollbars"):
        options.add_argument(argument)
    command = [sys.executable, "-m", "graphrw.page", "--no-browser", "--port", "0"]
    with (
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server,
        webdriver.Chrome(options=options, service=Service(arguments.driver)) as driver,
    ):
        screen = {"width": size[0], "height": size[1], "deviceScaleFactor": 1, "mobile": False}
        driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
        driver.get(server.stdout.readline().split()[-1])
        yield Page(driver)
        server.terminate()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "images")
    parser.add_argument("--chromium", default="/usr/bin/chromium")
    parser.add_argument("--driver", default="/usr/bin/chromedriver")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as folder:
        files = {name: Path(folder) / f"{name}.png" for name in ("astronaut", "coffee")}
        for name, file in files.items():
            Image.fromarray(getattr(data, name)()).save(file)
        with page(arguments, (1280, 800), dark=False) as light:
            time.sleep(0.5)
            light.save(arguments.out / "page_welcome.png")
            light.open(files["coffee"])
            light.paint(COFFEE)
            light.aside()
            light.save(arguments.out / "page_labels.png")
            light.press("v")
            light.aside()
            light.save(arguments.out / "page_borders.png")
        with page(arguments, (1280, 800), dark=True) as dark:
            dark.open(files["astronaut"])
            dark.paint(ASTRONAUT)
            dark.save(arguments.out / "page_dark.png")
            dark.press("v")
            dark.press("v")
            dark.press("s")
            dark.wait.until(lambda _: dark.find("#ring").is_displayed())
            dark.aside()
            dark.save(arguments.out / "page_uncertainty.png")
        with page(arguments, (420, 800), dark=False) as phone:
            phone.open(files["astronaut"])
            phone.paint(ASTRONAUT)
            phone.aside()
            phone.save(arguments.out / "page_phone.png")


if __name__ == "__main__":
    main()
