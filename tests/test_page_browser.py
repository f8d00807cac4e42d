"""The scribble page in a real browser: a person's way through it, in headless Chromium."""

import io
import json
import shutil
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("starlette")
pytest.importorskip("uvicorn")
pytest.importorskip("skimage")
pytest.importorskip("selenium")

from PIL import Image
from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.actions.action_builder import ActionBuilder
from selenium.webdriver.common.actions.mouse_button import MouseButton
from selenium.webdriver.common.actions.pointer_input import PointerInput
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

CHROMIUM = next(filter(None, map(shutil.which, ["chromium", "chromium-browser", "google-chrome"])), None)
DRIVER = shutil.which("chromedriver")

pytestmark = [
    pytest.mark.skipif(CHROMIUM is None or DRIVER is None, reason="needs Chromium and its driver"),
    pytest.mark.nightly,
]

PATIENCE = 60  # seconds
HEIGHT, WIDTH = 60, 80
LEFT, RIGHT = (15, 30), (65, 30)  # (column, row)
NAME = "<img src=x onerror=document.title='run'>.png"


class Page:
    """What a person sees and does."""

    def __init__(self, driver, address, downloads):
        self.driver, self.address, self.downloads = driver, address, downloads
        self.wait = WebDriverWait(driver, PATIENCE)

    def find(self, selector):
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def until(self, holds):
        self.wait.until(lambda _: holds())

    def load(self):
        self.driver.get(self.address)
        self.until(lambda: self.find("#welcome").is_displayed() or self.find("#dock").is_displayed())

    def open(self, file):
        self.driver.execute_script("window.confirm = () => true")
        self.find("#file").send_keys(str(file))

    def next_frame(self):
        """What has changed by now is drawn after it."""
        self.driver.execute_async_script("requestAnimationFrame(() => requestAnimationFrame(arguments[0]))")

    def place(self, column, row):
        """Of a pixel, on the screen."""
        script = "const stage = arguments[0]; const {x, y} = stage.getBoundingClientRect();"
        script += "return [x, y, ...['x', 'y', 'scale'].map(name => Number(stage.dataset[name]))]"
        left, top, x, y, scale = self.driver.execute_script(script, self.find("#stage"))
        return int(left + x + (column + 0.5) * scale), int(top + y + (row + 0.5) * scale)

    def stroke(self, *pixels, kind="mouse", button=MouseButton.LEFT):
        hand = ActionBuilder(self.driver, mouse=PointerInput(kind, kind), duration=0)
        for index, pixel in enumerate(pixels):
            hand.pointer_action.move_to_location(*self.place(*pixel))
            if index == 0:
                hand.pointer_action.pointer_down(button)
        hand.pointer_action.pointer_up(button)
        hand.perform()

    def press(self, *keys):
        ActionChains(self.driver).send_keys(*keys).perform()

    def press_with_control(self, *keys):
        actions = ActionChains(self.driver).key_down(Keys.CONTROL)
        for modifier in keys[:-1]:
            actions.key_down(modifier)
        actions.send_keys(keys[-1])
        for modifier in keys[:-1]:
            actions.key_up(modifier)
        actions.key_up(Keys.CONTROL).perform()

    def colour(self, column, row):
        """What is seen at a pixel of the image."""
        script = "const [canvas, x, y] = arguments; const box = canvas.getBoundingClientRect();"
        script += "const ratio = canvas.width / box.width; const context = canvas.getContext('2d');"
        script += "return [...context.getImageData((x - box.x) * ratio, (y - box.y) * ratio, 1, 1).data]"
        return self.driver.execute_script(script, self.find("#canvas"), *self.place(column, row))

    def paint_two_labels(self):
        self.press("1")
        self.stroke(LEFT, (LEFT[0] + 3, LEFT[1]))
        self.press("2")
        self.stroke(RIGHT, (RIGHT[0] + 3, RIGHT[1]))
        self.until(lambda: "2 labels · answer in" in self.find("#status").text)
        self.next_frame()

    def downloaded(self, what):
        for file in self.downloads.iterdir():
            file.unlink()
        self.find("#download").click()
        self.find(f"[data-download={what}]").click()
        self.until(lambda: [file for file in self.downloads.iterdir() if file.suffix in (".png", ".json")])
        (file,) = self.downloads.iterdir()
        return file

    def told(self):
        self.until(lambda: self.find("#toast").is_displayed())
        return self.find("#toast").text


@pytest.fixture(scope="module")
def address():
    command = [sys.executable, "-m", "graphrw.page", "--no-browser", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        yield server.stdout.readline().split()[-1]
        server.terminate()


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    options = Options()
    options.binary_location = CHROMIUM
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--window-size=1000,760"):
        options.add_argument(argument)
    driver = webdriver.Chrome(options=options, service=Service(DRIVER))
    downloads = tmp_path_factory.mktemp("downloads")
    driver.execute_cdp_cmd("Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(downloads)})
    yield SimpleNamespace(driver=driver, downloads=downloads)
    driver.quit()


@pytest.fixture
def halves(tmp_path):
    image = np.full((HEIGHT, WIDTH, 3), 40, dtype=np.uint8)
    image[:, WIDTH // 2 :] = 200
    file = tmp_path / f"{tmp_path.name} {NAME}"  # another one for each test, to see when it is there
    Image.fromarray(image).save(file)
    return file


@pytest.fixture
def page(browser, address, halves):
    page = Page(browser.driver, address, browser.downloads)
    page.load()
    page.open(halves)
    page.name = halves.name
    page.until(lambda: page.driver.title == halves.name and page.colour(*LEFT) == [40, 40, 40, 255])
    yield page
    serious = [entry for entry in page.driver.get_log("browser") if entry["level"] == "SEVERE"]
    assert [entry for entry in serious if "400" not in entry["message"] and "409" not in entry["message"]] == []


def test_two_strokes_colour_the_image_and_undo_takes_the_colour_back(page):
    page.paint_two_labels()
    orange, blue = page.colour(20, 10), page.colour(60, 10)
    assert orange[0] > orange[2]
    assert blue[2] > blue[0]
    page.press_with_control("z")
    page.until(lambda: page.colour(60, 10) == [200, 200, 200, 255])
    assert page.colour(*RIGHT) == [200, 200, 200, 255]
    page.press_with_control(Keys.SHIFT, "z")
    page.until(lambda: page.colour(60, 10) == blue)


def test_undo_and_redo_are_grey_where_there_is_nothing_to_undo_or_redo(page):
    def offered():
        return [page.find(f"#{name}").is_enabled() for name in ("undo", "redo")]

    assert offered() == [False, False]
    page.stroke(LEFT, (LEFT[0] + 3, LEFT[1]))
    page.until(lambda: offered() == [True, False])
    page.find("#undo").click()
    page.until(lambda: offered() == [False, True])
    page.load()
    page.until(lambda: offered() == [False, True])
    page.find("#redo").click()
    page.until(lambda: offered() == [True, False])


def test_labels_and_strokes_are_downloaded_and_the_strokes_can_be_loaded_again(page):
    page.paint_two_labels()
    labels = np.asarray(Image.open(page.downloaded("labels")))
    assert labels.shape == (HEIGHT, WIDTH)
    assert set(np.unique(labels[:, : WIDTH // 2])) == {1}
    assert set(np.unique(labels[:, WIDTH // 2 :])) == {2}
    log = page.downloaded("log")
    assert [stroke["label"] for stroke in json.loads(log.read_text())["strokes"]] == [1, 2]
    log = log.rename(log.parent.with_name("log.json"))
    page.press_with_control("z")
    page.until(lambda: page.colour(60, 10) == [200, 200, 200, 255])
    page.open(log)
    page.until(lambda: page.colour(60, 10)[2] > page.colour(60, 10)[0])
    picture = Image.open(io.BytesIO(page.downloaded("picture").read_bytes()))
    assert picture.size == (WIDTH, HEIGHT)


def test_a_bad_file_is_refused_in_words_and_the_work_stays(page, tmp_path):
    page.paint_two_labels()
    before = page.colour(60, 10)
    bad = tmp_path / "notes.png"
    bad.write_text("no image")
    page.open(bad)
    assert page.told() == "This file cannot be read as an image: it is none of PNG, JPEG, TIFF, BMP, WEBP."
    assert page.find("#name").text == page.name
    assert page.colour(60, 10) == before


def test_a_name_of_a_file_is_shown_and_never_run(page):
    assert page.find("#name").text == page.name
    assert page.driver.find_elements(By.CSS_SELECTOR, "#name *, img[src=x]") == []
    assert page.driver.title == page.name


def test_keys_choose_labels_tools_sizes_and_views(page):
    def chosen(name):
        return page.driver.execute_script(f"return document.querySelector('[name={name}]:checked').value")

    def size():
        return page.find("#size").get_property("valueAsNumber")

    page.press("7")
    assert (chosen("label"), chosen("tool")) == ("7", "brush")
    page.press("e")
    assert chosen("tool") == "eraser"
    page.press("3")
    assert (chosen("label"), chosen("tool")) == ("3", "brush")
    before = size()
    page.press("]")
    assert size() == before + 2
    page.press("[", "[")
    assert size() == before - 2
    page.press("v")
    assert chosen("view") == "borders"


def test_the_eraser_takes_strokes_away(page):
    page.paint_two_labels()
    page.press("e")
    page.stroke((RIGHT[0] - 12, RIGHT[1]), (RIGHT[0] + 14, RIGHT[1]))
    page.until(lambda: page.colour(60, 10) == [200, 200, 200, 255])
    page.until(lambda: "choose another label" in page.find("#status").text)


def test_fingers_and_pens_paint(page):
    page.stroke(LEFT, (LEFT[0] + 3, LEFT[1]), kind="touch")
    page.press("2")
    page.stroke(RIGHT, (RIGHT[0] + 3, RIGHT[1]), kind="pen")
    page.until(lambda: "2 labels" in page.find("#status").text)


def test_the_keyboard_alone_paints(page):
    page.find("#stage").send_keys(Keys.ARROW_LEFT * 12, Keys.ENTER, "2", Keys.ARROW_RIGHT * 30, Keys.ENTER)
    page.until(lambda: "2 labels" in page.find("#status").text)


def test_the_image_is_moved_and_zoomed(page):
    x, y = page.place(*LEFT)
    page.stroke(LEFT, (LEFT[0] + 10, LEFT[1]), button=MouseButton.MIDDLE)
    page.next_frame()
    assert page.place(*LEFT)[0] > x + 20
    ActionChains(page.driver).send_keys("0").perform()
    page.until(lambda: page.place(*LEFT) == (x, y))
    page.driver.execute_script(
        "arguments[0].dispatchEvent(new WheelEvent('wheel', {deltaY: -300, bubbles: true, cancelable: true, "
        "clientX: arguments[1], clientY: arguments[2]}))",
        page.find("#canvas"), x, y,
    )  # fmt: skip
    page.until(lambda: page.place(LEFT[0] + 10, LEFT[1])[0] > x + 100)
    assert abs(page.place(*LEFT)[0] - x) <= 8


def test_uncertainty_borders_and_the_image_alone_are_seen(page):
    page.paint_two_labels()
    page.find("[value=image]").find_element(By.XPATH, "..").click()
    page.until(lambda: page.colour(60, 10) == [200, 200, 200, 255])
    page.find("[value=borders]").find_element(By.XPATH, "..").click()
    page.until(lambda: page.colour(WIDTH // 2, 10) != [200, 200, 200, 255])
    assert page.colour(60, 10) == [200, 200, 200, 255]
    page.find("[value=entropy]").find_element(By.XPATH, "..").click()
    page.until(lambda: page.colour(60, 10)[0] < 200)
    assert page.find("#legend").is_displayed()


def test_a_suggestion_is_ringed_until_the_next_stroke(page):
    page.press("s")
    page.until(lambda: "Paint two labels first" in page.find("#status").text)
    page.paint_two_labels()
    page.find("#suggest").click()
    page.until(lambda: page.find("#ring").is_displayed())
    page.stroke((LEFT[0], 50), (LEFT[0] + 3, 50))
    page.until(lambda: not page.find("#ring").is_displayed())


def test_what_is_kept_is_not_painted_over(page):
    page.paint_two_labels()
    page.press("1", "k")
    assert page.told().startswith("Label 1 is kept")
    before = page.colour(*LEFT)
    page.press("2")
    page.stroke(LEFT, (LEFT[0] + 3, LEFT[1]))
    page.next_frame()  # with the stroke, until the server has answered
    page.until(lambda: page.colour(*LEFT) == before)


def test_pixels_take_the_place_of_superpixels(page):
    page.paint_two_labels()
    page.find("[value=pixels]").find_element(By.XPATH, "..").click()
    page.until(
        lambda: (
            page.driver.execute_async_script("fetch('state').then(r => r.json()).then(arguments[0])")["superpixels"]
            is False
        )
    )
    page.until(lambda: page.colour(60, 10)[2] > page.colour(60, 10)[0])


def test_the_work_is_there_after_the_page_is_loaded_again(page):
    page.paint_two_labels()
    before = page.colour(60, 10)
    page.load()
    page.until(lambda: page.driver.title == page.name and page.colour(60, 10) == before)


def test_without_the_token_there_is_no_page(page):
    page.driver.get(page.address.rsplit("/", 2)[0] + "/")
    page.until(lambda: "lacks the token" in page.driver.page_source)  # the driver may return before the text is there
    page.load()  # from here on nothing is asked for in vain, like the icon
    page.driver.get_log("browser")  # which tells of the refusal


def test_every_control_has_a_name(page):
    script = (
        "return [...document.querySelectorAll('button, input:not([type=file])')].filter(each => !(each.ariaLabel || "
    )
    script += "each.textContent.trim() || each.closest('label')?.textContent.trim())).map(each => each.outerHTML)"
    assert page.driver.execute_script(script) == []
