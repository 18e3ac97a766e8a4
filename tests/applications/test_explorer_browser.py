"""The page of explore_latents in a real browser."""

import base64
import re

import numpy as np
import pytest
import soundfile
from chromium import open_chromium, requests

from tf_inversion.applications.probe import Probe

pytest.importorskip("gradio", reason="needs Gradio: pip install 'tf-inversion[demo]'")
WORDS = ("one", "two", "zero")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Clips of all kinds."""
    folder = tmp_path_factory.mktemp("clips")
    time = np.arange(4000) / 8000
    soundfile.write(folder / "chord.wav", 0.3 * np.sin(2 * np.pi * 700 * time), 8000)
    soundfile.write(folder / "example.wav", 0.3 * np.sin(2 * np.pi * 300 * time), 8000)
    soundfile.write(folder / "silent.wav", np.zeros(4000), 8000)
    (folder / "broken.wav").write_bytes(b"RIFF, but no more")
    (folder / "large.wav").write_bytes(bytes(21 * 2**20))
    return folder


@pytest.fixture(scope="module")
def address(chord, folder, tmp_path_factory):
    """The page, served from an empty folder, in which nothing appears."""
    from tf_inversion.applications.explorer_page import serving

    digits = Probe(WORDS, np.eye(3, 4, dtype=np.float32), np.zeros(3, np.float32))
    uploads, here = tmp_path_factory.mktemp("uploads"), tmp_path_factory.mktemp("here")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(here)
        patch.setenv("GRADIO_TEMP_DIR", str(uploads))
        patch.setenv("GRADIO_RUN_HISTORY", "True")  # to be restored
        with serving(chord, digits, [folder / "example.wav"], peak=0.9, port=None) as address:
            yield address
            assert any(uploads.rglob("chord.wav"))
    assert [*here.iterdir()] == []


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    chromium = open_chromium(
        tmp_path_factory.mktemp("browser"), "use-fake-device-for-media-stream", "use-fake-ui-for-media-stream"
    )
    yield chromium
    chromium.quit()


@pytest.fixture
def page(browser, address):
    """The page, freshly loaded; at the end, nothing has gone wrong in it or left this machine."""
    browser.get("about:blank")
    browser.get_log("browser")  # what the last page said when it was left
    browser.get(address)
    wait_for(browser, "document.querySelector('input[type=file]')")
    yield browser
    wrong = [line["message"] for line in browser.get_log("browser") if line["level"] == "SEVERE"]
    # The file that is too large is refused, sometimes before Gradio knows of its upload, which it may log.
    assert [line for line in wrong if not re.search("413|upload_progress|/assets/.* Response$", line)] == []
    sent = [request for request in requests(browser) if request["documentURL"].startswith(address)]
    urls = {request["request"]["url"] for request in sent}
    assert address in urls, "requests are seen"
    assert [url for url in urls if not url.startswith((address, "data:", "blob:"))] == []


def find(page, selector):
    return page.find_element("css selector", selector)


def wait_for(page, condition):
    """Waits until JavaScript says so; a script's time limit ends it."""
    page.execute_async_script(
        f"const done = arguments[0], look = () => ({condition}) ? done() : setTimeout(look, 20); look()"
    )


def wait_for_text(page, selector, text):
    wait_for(page, f"document.querySelector({selector!r})?.innerText.includes({text!r})")


def sounds(page) -> list[str]:
    return page.execute_script("return [...document.querySelectorAll('#stage audio')].map(a => a.src)")


def press(page, word, key, times):
    slider = find(page, f"input[type=range][aria-label*='{word}']")
    slider.send_keys(key * times)


def open_tab(page, name):
    page.find_element("xpath", f"//button[@role='tab'][normalize-space()='{name}']").click()


def drawn(page) -> list[str]:
    """Draws a random latent vector; returns the sounds."""
    open_tab(page, "Example")
    before = sounds(page)
    find(page, "#random").click()
    wait_for_text(page, "#stage", "Save z")
    if before:
        wait_for(page, f"document.querySelector('#stage audio').src != {before[0]!r}")
    return sounds(page)


def test_a_file_is_inverted_heard_and_seen(page, folder):
    find(page, "input[type=file]").send_keys(str(folder / "chord.wav"))
    wait_for_text(page, "#note", "chord: 0.50 s")
    wait_for_text(page, "#stage", "iterations")
    assert re.search(r"hybrid: (converged|ran out) after \d+ iterations", find(page, "#stage").text)
    original, result = page.execute_async_script(
        """const done = arguments[0];
        Promise.all([...document.querySelectorAll("#stage audio")].map(audio => new Promise((good, bad) => {
          audio.onloadedmetadata = () => good(audio.duration);
          audio.onerror = () => bad(audio.error.message);
          audio.load();
        }))).then(done, done);"""
    )
    assert original == result == pytest.approx(4096 / 8000)
    picture = find(page, "#stage img")
    assert page.execute_script("return arguments[0].naturalWidth", picture) > 500
    for number in ("nMSE", "SSIM mag", "mel L1", "RMS"):
        assert number in find(page, "#stage dl").text


@pytest.mark.parametrize(
    ("name", "words"),
    [("broken.wav", "broken.wav: not readable as audio"), ("silent.wav", "silent: is silent")],
)
def test_what_is_no_clip_gets_a_line_and_the_page_lives_on(page, folder, name, words):
    find(page, "input[type=file]").send_keys(str(folder / name))
    wait_for_text(page, "#note", words)
    assert sounds(page) == []
    assert len(drawn(page)) == 2


def test_a_file_that_is_too_large_is_refused(page, folder):
    find(page, "input[type=file]").send_keys(str(folder / "large.wav"))
    wait_for_text(page, "body", "maximum allowed size of 20")
    assert len(drawn(page)) == 2


def test_a_slider_changes_the_sound_and_plays_it(page):
    original, result = drawn(page)
    press(page, "two", "\ue014", 8)  # right
    wait_for_text(page, "#stage", "moved by")
    wait_for(page, "!document.querySelectorAll('#stage audio')[1].paused")
    assert sounds(page)[0] == original
    assert sounds(page)[1] != result
    press(page, "1 (", "\ue012", 3)  # left, along what is heard most
    find(page, "#back").click()
    wait_for(page, "!document.querySelector('#stage').innerText.includes('moved by')")
    assert sounds(page) == [original, result]


def test_blend(page):
    _, first = drawn(page)
    find(page, "#keep").click()
    wait_for_text(page, "#note", "Kept random_")
    _, second = drawn(page)
    assert second != first
    find(page, "#blend input[type=range]").send_keys("\ue010")  # end
    wait_for_text(page, "#stage", "moved by")
    wait_for(page, f"document.querySelectorAll('#stage audio')[1].src.length == {len(first)}")
    wait_for(page, f"document.querySelectorAll('#stage audio')[1].src == {first!r}")


def test_an_example_and_the_files_to_save(page):
    open_tab(page, "Example")
    find(page, "#example input").click()
    page.find_element("xpath", "//li[@role='option'][contains(., 'example')]").click()
    wait_for_text(page, "#stage", "Save z")
    wait_for_text(page, "#stage", "iterations")
    names = page.execute_script("return [...document.querySelectorAll('#stage a')].map(a => a.download)")
    assert names == ["example.npz", "example.wav"]
    href = find(page, "#stage a").get_attribute("href")
    assert base64.b64decode(href.partition(",")[2]).startswith(b"PK")


def test_a_recording(page):
    open_tab(page, "Record")
    wait_for(page, "document.querySelector('.record-button')?.offsetParent")
    find(page, ".record-button").click()
    wait_for(page, "document.querySelector('.stop-button')?.offsetParent")
    page.execute_async_script("setTimeout(arguments[0], 1500)")
    find(page, ".stop-button").click()
    wait_for(page, "/: \\d\\.\\d\\d s/.test(document.querySelector('#note').innerText)")
    wait_for_text(page, "#stage", "Save z")


def test_nothing_is_wider_than_a_phone(page):
    page.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": 360, "height": 740, "deviceScaleFactor": 2, "mobile": True},
    )
    try:
        drawn(page)
        assert page.execute_script("return document.documentElement.scrollWidth") == 360
    finally:
        page.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
