"""The scribble page's server: what it answers, what it refuses, and in which words."""

import io
import json
import re
import struct
import threading
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("starlette")
pytest.importorskip("uvicorn")
pytest.importorskip("httpx2")
pytest.importorskip("skimage")

from deep_pictures import deep_png, png
from PIL import Image, ImageOps
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

import graphrw as rw
from graphrw.core.errors import Cancelled
from graphrw.page import replies
from graphrw.page.app import application
from graphrw.page.drawing import Drawing
from graphrw.page.guard import Guard
from graphrw.page.images import MOST_PIXELS, read_image
from graphrw.page.listen import address, is_local, listen

TOKEN = "a-token-of-this-test"
HOST = "127.0.0.1:8000"
ORIGIN = f"http://{HOST}"
STATIC = Path(replies.__file__).parent / "static"
LEFT, RIGHT = [[10 * 30 + 2, 3]], [[4 * 30 + 25, 3]]  # runs in an image of 20 × 30


def two_halves(shape=(20, 30)):
    image = np.full((*shape, 3), 40, dtype=np.uint8)
    image[:, shape[1] // 2 :] = 200
    return image


def file_of(image, kind="PNG", **options):
    file = io.BytesIO()
    (image if isinstance(image, Image.Image) else Image.fromarray(image)).save(file, kind, **options)
    return file.getvalue()


def small_file_of_a_large_image(width, height):
    return png(struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0), bytes(1000))


@pytest.fixture
def drawing():
    return Drawing()


@pytest.fixture
def client(drawing):
    guarded = Guard(application(drawing), TOKEN, "127.0.0.1", largest_body=100_000)
    with TestClient(guarded, base_url=f"{ORIGIN}/{TOKEN}/", headers={"origin": ORIGIN}) as client:
        yield client


@pytest.fixture
def opened(client):
    assert client.post("open?name=halves.png", content=file_of(two_halves())).status_code == 200
    return client


def paint(client, label, runs):
    return client.post("paint", json={"label": label, "runs": runs})


def changed(response):
    """How many pixels, or steps."""
    return response.json()["changed"]


def labels(client):
    return np.frombuffer(client.get("labels").content, np.uint8).reshape(20, 30)


def refused(response, status=400):
    assert response.status_code == status
    return response.json()["error"]


# What it answers


def test_an_image_is_opened_and_shown(opened):
    known = {"name": "halves.png", "shape": [20, 30], "superpixels": True, "can_undo": False, "can_redo": False}
    assert opened.get("state").json() == known
    shown = opened.get("image.png")
    assert shown.headers["content-type"] == "image/png"
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(shown.content))), two_halves())


def test_strokes_give_the_labels_that_a_session_gives(opened):
    assert changed(paint(opened, 1, LEFT)) == 3
    assert changed(paint(opened, 2, RIGHT)) == 3
    session = rw.Session(two_halves(), channel_axis=2)
    session.paint(1, ([10, 10, 10], [2, 3, 4]))
    session.paint(2, ([4, 4, 4], [25, 26, 27]))
    assert np.array_equal(labels(opened), session.labels)
    assert set(labels(opened)[:, :15].ravel()) == {1}
    strokes = np.frombuffer(opened.get("strokes").content, np.uint8).reshape(20, 30)
    assert np.array_equal(strokes, session.strokes)
    shares = np.frombuffer(opened.get("entropy").content, np.uint8).reshape(20, 30)
    assert np.array_equal(shares, np.round(255 * session.entropy / np.log(2)))
    assert opened.get("suggest").json()["places"] == session.suggest(replies.SUGGESTIONS).tolist()


def test_before_the_first_stroke_there_is_no_label(opened):
    assert not labels(opened).any()
    assert opened.get("suggest").json() == {"places": []}


def test_strokes_are_undone_made_again_and_erased(opened):
    paint(opened, 1, LEFT)
    paint(opened, 2, RIGHT)
    assert changed(opened.post("undo")) == 1
    assert set(labels(opened).ravel()) == {1}
    assert changed(opened.post("redo")) == 1
    assert changed(opened.post("redo")) == 0
    assert set(labels(opened).ravel()) == {1, 2}
    assert changed(opened.post("erase", json={"runs": [[0, 300]]})) == 3
    assert set(labels(opened).ravel()) == {1}


def test_every_change_and_the_state_tell_whether_there_is_something_to_undo_or_redo(opened):
    def told(response):
        return response.json()["can_undo"], response.json()["can_redo"]

    assert told(opened.get("state")) == (False, False)
    assert told(paint(opened, 1, LEFT)) == (True, False)
    assert told(paint(opened, 2, RIGHT)) == (True, False)
    assert told(opened.post("undo")) == told(opened.get("state")) == (True, True)
    assert told(opened.post("undo")) == (False, True)
    assert told(opened.post("walk", json={"superpixels": False})) == (False, True)
    assert told(opened.post("redo")) == (True, True)
    assert told(opened.post("open?name=again", content=file_of(two_halves()))) == (False, False)


def test_what_is_kept_is_not_painted_over(opened):
    paint(opened, 1, LEFT)
    paint(opened, 2, RIGHT)
    kept = int((labels(opened) == 1).sum())
    assert changed(opened.post("keep", json={"label": 1})) == kept
    assert changed(paint(opened, 2, LEFT)) == 0


def test_labels_are_downloaded_as_numbers(opened):
    paint(opened, 1, LEFT)
    paint(opened, 7, RIGHT)
    image = Image.open(io.BytesIO(opened.get("labels.png").content))
    assert image.mode == "L"
    assert np.array_equal(np.asarray(image), labels(opened))
    assert set(np.unique(np.asarray(image))) == {1, 7}


def test_a_log_is_downloaded_and_goes_on_where_it_was(opened, tmp_path):
    paint(opened, 1, LEFT)
    paint(opened, 2, RIGHT)
    log, before = opened.get("log.json").content, labels(opened)
    opened.post("open?name=again", content=file_of(two_halves()))
    assert not labels(opened).any()
    assert opened.post("replay", content=log).json()["superpixels"] is True
    assert np.array_equal(labels(opened), before)
    (tmp_path / "log.json").write_bytes(log)
    session = rw.Session(two_halves(), channel_axis=2)
    session.replay(tmp_path / "log.json")
    assert np.array_equal(session.labels, before)


def test_the_walk_changes_from_superpixels_to_pixels_and_back_with_the_same_strokes(opened):
    paint(opened, 1, LEFT)
    paint(opened, 2, RIGHT)
    strokes = opened.get("strokes").content
    assert opened.post("walk", json={"superpixels": False}).json()["superpixels"] is False
    session = rw.Session(two_halves(), channel_axis=2, superpixels=False)
    session.paint(1, ([10, 10, 10], [2, 3, 4]))
    session.paint(2, ([4, 4, 4], [25, 26, 27]))
    shares = np.frombuffer(opened.get("entropy").content, np.uint8).reshape(20, 30)
    assert np.array_equal(shares, np.round(255 * session.entropy / np.log(2)))
    assert opened.get("strokes").content == strokes
    assert opened.post("walk", json={"superpixels": True}).json()["superpixels"] is True
    assert changed(opened.post("undo")) == 1


def test_the_example_opens(client):
    assert client.post("example").json()["shape"] == [512, 512]


def test_others_are_heard_while_an_answer_is_made(opened, drawing, monkeypatch):
    begun, finish = threading.Event(), threading.Event()
    ask = drawing.ask

    def slow(about):
        begun.set()
        assert finish.wait(60)
        return ask(about)

    monkeypatch.setattr(drawing, "ask", slow)
    answer = []
    thread = threading.Thread(target=lambda: answer.append(opened.get("labels")))
    thread.start()
    assert begun.wait(60)
    assert opened.get("state").json()["name"] == "halves.png"
    assert not answer
    finish.set()
    thread.join(60)
    assert answer[0].status_code == 200


def test_a_stroke_ends_the_answer_to_what_was_there_before(drawing):
    drawing.open(two_halves(), "")
    where = np.zeros((20, 30), dtype=bool)
    where[10, 2] = True
    drawing.change(lambda session: session.paint(1, where))
    begun, waits, ended = threading.Event(), threading.Event(), []

    def answer(session):
        begun.set()
        assert waits.wait(60)
        return session.labels

    def old():
        try:
            drawing.ask(answer)
        except Cancelled as error:
            ended.append(error)

    first = threading.Thread(target=old)
    first.start()
    assert begun.wait(60)
    second = threading.Thread(target=lambda: drawing.change(lambda session: session.paint(2, where[:, ::-1])))
    second.start()
    while drawing._waiting == 0:
        pass
    waits.set()
    first.join(60)
    second.join(60)
    assert len(ended) == 1
    assert set(drawing.ask(lambda session: session.labels).ravel()) == {1, 2}


def test_a_superseded_answer_is_told_apart_from_a_failure(opened, drawing, monkeypatch):
    def superseded(about):
        raise Cancelled("Cancelled before: the walk.")

    monkeypatch.setattr(drawing, "ask", superseded)
    assert refused(opened.get("labels"), 409) == "Cancelled before: the walk."


# What it reads


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "BMP", "WEBP", "JPEG"])
def test_it_reads_the_common_formats(client, kind):
    options = {"lossless": True} if kind == "WEBP" else {}
    assert client.post("open", content=file_of(two_halves(), kind, **options)).json()["shape"] == [20, 30]
    shown = np.asarray(Image.open(io.BytesIO(client.get("image.png").content)))
    assert np.abs(shown.astype(int) - two_halves()).max() <= (60 if kind == "JPEG" else 0)


def test_images_of_sixteen_bits_keep_their_numbers():
    deep = np.arange(600, dtype=np.uint16).reshape(20, 30) * 100
    assert np.array_equal(read_image(file_of(deep)), deep)
    assert np.array_equal(read_image(file_of(deep, "TIFF")), deep)


@pytest.mark.parametrize("kind", ["RGB", "RGBA"])
def test_colours_of_sixteen_bits_are_refused_and_not_halved(client, kind):
    assert "channels of 16 bits" in refused(client.post("open", content=deep_png(kind)))


def test_images_of_sixteen_bits_are_shown_over_the_whole_scale(client):
    client.post("open", content=file_of(np.arange(600, dtype=np.uint16).reshape(20, 30)))
    shown = np.asarray(Image.open(io.BytesIO(client.get("image.png").content)))
    assert (shown.dtype, shown.min(), shown.max()) == (np.uint8, 0, 255)


def test_photographs_are_upright():
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by a quarter
    turned = Image.open(io.BytesIO(file_of(two_halves(), exif=exif)))
    assert np.array_equal(read_image(file_of(two_halves(), exif=exif)), np.asarray(ImageOps.exif_transpose(turned)))
    assert read_image(file_of(two_halves(), exif=exif)).shape == (30, 20, 3)


def test_what_is_transparent_is_white_and_what_is_grey_has_no_channels():
    clear = Image.new("RGBA", (3, 2), (10, 20, 30, 0))
    assert np.array_equal(read_image(file_of(clear)), np.full((2, 3, 3), 255))
    assert read_image(file_of(Image.new("L", (3, 2)))).shape == (2, 3)
    assert read_image(file_of(Image.new("1", (3, 2), 1))).max() == 255
    assert read_image(file_of(Image.new("P", (3, 2)))).shape == (2, 3, 3)


@pytest.mark.parametrize("content", [b"", b"hello", b"<svg/>", b"GIF89a" + bytes(100), b"%PDF-1.4", b"%!PS-Adobe-3.0"])
def test_what_is_no_image_is_refused_in_words(client, content):
    assert refused(client.post("open", content=content)).startswith(
        "This file cannot be read as an image: it is none of PNG"
    )


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "BMP", "WEBP"])
def test_damaged_images_are_refused_in_words(client, kind):
    whole = file_of(np.random.default_rng(0).integers(0, 256, (60, 60, 3)).astype(np.uint8), kind)
    assert refused(client.post("open", content=whole[: len(whole) // 2])).startswith("This file is")


@pytest.mark.parametrize(("width", "height"), [(5001, 5000), (30_000, 30_000), (2**31 - 1, 2**31 - 1)])
def test_small_files_of_large_images_are_refused_before_they_are_unpacked(client, width, height):
    content = small_file_of_a_large_image(width, height)
    assert len(content) < 200
    assert width * height > MOST_PIXELS
    assert "too large" in refused(client.post("open", content=content))


def test_a_refused_image_leaves_the_open_one_alone(opened):
    paint(opened, 1, LEFT)
    refused(opened.post("open", content=b"hello"))
    assert opened.get("state").json()["name"] == "halves.png"
    assert set(labels(opened).ravel()) == {1}


# What it refuses


@pytest.mark.parametrize(("method", "path"), [(method, path) for method, path, _ in replies.ROUTES])
def test_without_an_image_everything_says_so(client, method, path):
    bodies = {
        "paint": {"label": 1, "runs": []},
        "erase": {"runs": []},
        "keep": {"label": 1},
        "walk": {"superpixels": True},
    }
    if path in ("state", "open", "example"):
        assert client.get("state").json()["shape"] is None
        return
    body = bodies.get(path, {"strokes": []})
    assert refused(client.request(method, path, json=body)) == "Open an image first."


@pytest.mark.parametrize("label", [0, -1, 256, 1.5, True, "1", None, [1], 10**30])
def test_labels_are_whole_numbers_from_1_to_255(opened, label):
    assert refused(paint(opened, label, LEFT)).startswith("`label` must be a whole number from 1 to 255")


@pytest.mark.parametrize(
    "runs",
    ["", None, 3, {}, [1, 2], [[1]], [[1, 2, 3]], [[1, 2], [3]], [[0.5, 1]], [["a", 1]], [[[0, 1]]], [[1, 10**30]]],
)
def test_runs_are_pairs_of_whole_numbers(opened, runs):
    assert refused(paint(opened, 1, runs)).startswith("`runs` must be a list of pairs")


@pytest.mark.parametrize("runs", [[[-1, 2]], [[0, -1]], [[599, 2]], [[601, 0]], [[0, 2**62]], [[2**62, 2**62]]])
def test_runs_stay_within_the_image(opened, runs):
    assert refused(paint(opened, 1, runs)) == "`runs` must stay within the image of 600 pixels."


@pytest.mark.parametrize("body", [b"", b"{", b"[" * 50_000, b"\xff\xfe"])
def test_what_is_no_json_is_refused(opened, body):
    assert refused(opened.post("paint", content=body)) == "This is no JSON."


def test_what_is_missing_is_named(opened):
    assert refused(opened.post("paint", json=[])) == "`label` is missing."
    assert refused(opened.post("paint", json={"label": 1})) == "`runs` is missing."


@pytest.mark.parametrize(("runs", "words"), [([[0, 2**40]], "within the image"), ([[0, 600]] * 7000, "too long")])
def test_logs_that_would_fill_the_memory_are_refused_before_they_are_unpacked(opened, drawing, runs, words):
    log = json.loads(opened.get("log.json").content)
    log["strokes"] = [{"label": 1, "kept": False, "runs": runs}] * 26
    with pytest.raises(ValueError, match=words):
        drawing.replay(log)


def test_logs_of_another_image_are_refused_without_telling_where_files_lie(opened):
    log = opened.get("log.json").content
    opened.post("open?name=other", content=file_of(255 - two_halves()))
    words = refused(opened.post("replay", content=log))
    assert words.startswith("The log was made on another image")
    assert "/" not in words


@pytest.mark.parametrize(
    "log", [{}, [], {"strokes": 3}, {"strokes": [{}]}, {"strokes": [], "options": {}}, {"strokes": []}]
)
def test_what_is_no_log_is_refused(opened, log):
    paint(opened, 1, LEFT)
    refused(opened.post("replay", json=log))
    assert set(labels(opened).ravel()) == {1}


# Who may ask


@pytest.mark.parametrize(
    "path", ["/", "/state", "/wrong/state", f"/{TOKEN}", f"/{TOKEN}x/state", "//state", f"/x/{TOKEN}/"]
)
def test_without_the_token_nobody_gets_anything(client, path):
    response = client.get(f"{ORIGIN}{path}")
    assert response.status_code == 403
    assert "token" in response.text


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8000", "127.0.0.1.evil.example", "10.0.0.1:8000", "", "[", "a@b:c"]
)
def test_who_asks_for_another_host_is_refused(client, host):
    assert client.get("state", headers={"host": host}).status_code == 400


@pytest.mark.parametrize("host", ["127.0.0.1:8000", "localhost:8000", "localhost", "[::1]:8000", "127.0.0.1:9000"])
def test_this_machine_has_several_names(client, host):
    assert client.get("state", headers={"host": host}).status_code == 200


@pytest.mark.parametrize(
    ("listens", "asked", "status"),
    [
        ("0.0.0.0", "192.168.1.7:8000", 200),
        ("0.0.0.0", "evil.example", 400),
        ("desk.lan", "desk.lan:8000", 200),
        ("desk.lan", "192.168.1.7:8000", 400),
        ("::", "[fe80::1]:8000", 200),
    ],
)
def test_on_a_network_only_numbers_and_its_own_name_are_hosts(drawing, listens, asked, status):
    client = TestClient(Guard(application(drawing), TOKEN, listens), base_url=f"{ORIGIN}/{TOKEN}/")
    assert client.get("state", headers={"host": asked}).status_code == status


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "", f"https://{HOST}", "http://127.0.0.1:8001", f"{ORIGIN}.evil.example"]
)
@pytest.mark.parametrize("path", [path for method, path, _ in replies.ROUTES if method == "POST"])
def test_only_the_page_itself_changes_anything(opened, origin, path):
    response = opened.post(path, headers={"origin": origin}, json={"label": 1, "runs": LEFT})
    assert response.status_code == 403
    assert "came from elsewhere" in response.text
    assert not labels(opened).any()


def test_a_request_without_an_origin_changes_nothing(opened):
    del opened.headers["origin"]
    assert paint(opened, 1, LEFT).status_code == 403


def test_large_bodies_are_refused_by_what_they_announce(client):
    response = client.post("open", content=bytes(100_001))
    assert response.status_code == 413
    assert "too large" in response.text


def test_large_bodies_are_refused_where_they_announce_nothing(client):
    sent = []

    def chunks():
        for _ in range(1000):
            sent.append(1)
            yield bytes(1000)

    assert "too large" in refused(client.post("open", content=chunks()), 413)


@pytest.mark.parametrize("length", ["-1", "1e3", "99999999999", "x"])
def test_bodies_of_a_strange_length_are_refused(client, length):
    assert client.post("undo", headers={"content-length": length}).status_code == 413


@pytest.mark.parametrize(
    "path",
    [
        "../pyproject.toml",
        "..%2f..%2fapp.py",
        "%2e%2e/app.py",
        "static/page.js",
        "/etc/passwd",
        "%2fetc%2fpasswd",
        "app.py",
        "..\\app.py",
        "file:///etc/passwd",
        "page.js%00.png",
        "static/",
    ],
)
def test_no_path_from_outside_is_opened(client, path, monkeypatch):
    monkeypatch.setattr("builtins.open", lambda *_, **__: pytest.fail("a file was opened"))
    monkeypatch.setattr(Path, "open", lambda *_, **__: pytest.fail("a file was opened"))
    response = client.get(f"{ORIGIN}/{TOKEN}/{path}")
    assert response.status_code in (403, 404)
    assert "import" not in response.text


def test_a_name_is_data_and_never_markup(client):
    name = '"><script>alert(1)</script><img src=x onerror=alert(1)>'
    response = client.post("open", params={"name": name}, content=file_of(two_halves()))
    assert response.headers["content-type"] == "application/json"
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.json()["name"] == name
    assert "script>alert" not in client.get("./").text
    assert len(client.post("open", params={"name": "n" * 5000}, content=file_of(two_halves())).json()["name"]) == 200


def test_every_reply_tells_the_browser_to_be_strict(client):
    for reply in (client.get("./"), client.get("page.js"), client.get("nothing"), client.get(f"{ORIGIN}/")):
        assert reply.headers["content-security-policy"].startswith("default-src 'self';")
        assert reply.headers["x-content-type-options"] == "nosniff"
        assert reply.headers["referrer-policy"] == "no-referrer"
        assert reply.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("file", sorted(STATIC.iterdir()), ids=lambda file: file.name)
def test_the_page_needs_nothing_from_elsewhere_and_makes_no_markup(client, file):
    text = file.read_text(encoding="utf-8")
    path = "./" if file.name == "index.html" else file.name
    assert client.get(path).text == text
    assert len(text.splitlines()) <= 300
    assert re.findall(r"https?://(?!www\.w3\.org/2000/svg)\S*", text) == []
    assert re.findall(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function", text) == []
    assert re.findall(r"<script(?![^>]*src=)|<style|\sstyle=|\son[a-z]+=\"", text) == []


def test_websockets_are_closed(client):
    with pytest.raises(WebSocketDisconnect), client.websocket_connect("state"):
        pass


# Where it listens


def test_it_listens_to_this_machine_alone_unless_asked():
    with listen("127.0.0.1", 0) as local, listen("0.0.0.0", 0) as everywhere:
        assert is_local(local)
        assert not is_local(everywhere)
        assert address(everywhere, "0.0.0.0", "t").startswith("http://127.0.0.1:")


def test_it_takes_the_next_port_where_one_is_taken():
    with listen("127.0.0.1", 0) as first:
        port = first.getsockname()[1]
        with listen("127.0.0.1", port) as second:
            assert second.getsockname()[1] != port


def test_a_host_that_is_not_here_is_an_error_in_words():
    with pytest.raises(OSError, match=r"Nothing can listen at host '192\.0\.2\.1'"):
        listen("192.0.2.1", 8000)
