"""The report in a real browser: it plays, it sorts, and it asks nobody for anything."""

import pytest
from chromium import open_chromium, requests

SECONDS = 16384 / 16000


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    chromium = open_chromium(tmp_path_factory.mktemp("browser"))
    yield chromium
    chromium.quit()


@pytest.fixture
def page(browser, report_pages):
    """The first page, freshly loaded; at the end, nothing has gone wrong in it or left it."""
    browser.get(report_pages[0].as_uri())
    browser.execute_script(
        "document.querySelector('article').scrollIntoView()"
    )  # what is far is not laid out
    yield browser
    assert [line["message"] for line in browser.get_log("browser")] == []
    sent = [request for request in requests(browser) if request["documentURL"].startswith("file:")]
    urls = {request["request"]["url"] for request in sent}
    assert {url for url in urls if not url.startswith("data:")} <= {page.as_uri() for page in report_pages}
    assert report_pages[0].as_uri() in urls, "requests are seen"


def find(page, selector):
    return page.find_elements("css selector", selector)


def column(page, table, index):
    """Returns what stands in a column of a table, from above."""
    return page.execute_script(
        """const [table, index] = arguments, rows = document.querySelectorAll("table")[table].tBodies[0].rows;
        return [...rows].map(row => row.cells[index].textContent);""",
        table,
        index,
    )


def wait_for(page, condition):
    """Waits until JavaScript says so; a script's time limit ends it."""
    page.execute_async_script(
        f"const done = arguments[0], look = () => ({condition}) ? done() : setTimeout(look, 20); look()"
    )


def test_every_clip_decodes(page):
    seconds = page.execute_async_script(
        """const done = arguments[0];
        Promise.all([...document.querySelectorAll("audio")].map(audio => new Promise((good, bad) => {
          audio.onloadedmetadata = () => good(audio.duration);
          audio.onerror = () => bad(audio.error.message);
          audio.load(); audio.preload = "auto";
        }))).then(done, done);"""
    )
    assert seconds == pytest.approx([SECONDS] * 75, abs=1e-3)


def test_players_play_and_stop_one_another(page):
    first, second = find(page, ".play")[:2]
    assert "Play original of first" in first.accessible_name
    first.click()
    wait_for(page, "document.querySelector('audio').currentTime > 0.05")
    assert find(page, "figure i")[0].is_displayed(), "a cursor goes along"
    second.click()
    wait_for(page, "document.querySelectorAll('audio')[1].currentTime > 0.05")
    states = page.execute_script("return [...document.querySelectorAll('audio')].map(a => a.paused)")
    assert states == [True, False] + [True] * 73
    assert len(find(page, ".playing")) == 1
    wait_for(page, "document.querySelectorAll('audio')[1].ended")
    wait_for(page, "!document.querySelector('.playing')")


def test_a_click_on_a_picture_plays_and_stops(page):
    picture = find(page, ".pictures img")[2]
    page.execute_script("document.querySelectorAll('audio')[2].playbackRate = 0.1")  # not over before a click
    picture.click()
    wait_for(page, "document.querySelectorAll('audio')[2].currentTime > 0.05")
    picture.click()
    wait_for(page, "document.querySelectorAll('audio')[2].paused")
    assert page.execute_script("return document.querySelectorAll('audio')[2].currentTime") == 0
    page.execute_script("document.querySelectorAll('audio')[2].playbackRate = 1")
    picture.click()
    wait_for(page, "document.querySelectorAll('audio')[2].ended")


def test_players_by_keyboard(page):
    find(page, ".play")[0].send_keys("\ue014")  # right
    focused = page.switch_to.active_element
    assert focused.accessible_name == "Play encoder of first"
    focused.send_keys(" ")
    wait_for(page, "!document.querySelectorAll('audio')[1].paused")
    focused.send_keys(" ")
    wait_for(page, "document.querySelectorAll('audio')[1].paused")


def test_tables_sort_by_click_and_by_key(page):
    mse = find(page, "thead button")[1]
    mse.click()
    assert column(page, 0, 1) == ["0", "0.0106", "0.0118", "0.0141"]
    assert find(page, "th")[1].get_attribute("aria-sort") == "ascending"
    mse.send_keys("\ue007")  # enter
    assert column(page, 0, 1) == ["0.0141", "0.0118", "0.0106", "0"]
    find(page, "thead button")[2].click()
    assert column(page, 0, 2) == ["1.00 ± 0.000", "3.90 ± 0.426", "7.93 ± 0.077", "-"]
    assert len(find(page, "[aria-sort]")) == 1


def test_table_of_all_clips(page):
    find(page, "table")[1].find_elements("css selector", "thead button")[8].click()
    distances = column(page, 1, 8)
    assert distances[-2:] == ["-", "-"], "what is undefined comes last"
    assert distances[:-2] == sorted(distances[:-2], key=float)
    assert len(set(distances)) > 50
    find(page, "table")[1].find_element("css selector", "thead button").click()
    assert column(page, 1, 0)[:6] == ['<b>"five" & six</b>'] * 2 + ["clip_2"] * 2 + ["clip_3"] * 2


def test_links_lead_to_clips_on_other_pages(page):
    page.find_element("link text", "s1").click()
    assert page.current_url.endswith("report-2.html#clip-30")
    top = page.execute_script("return document.querySelector('#clip-30').getBoundingClientRect().top")
    assert abs(top) < 400


def test_nothing_is_wider_than_a_phone(page):
    page.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": 360, "height": 740, "deviceScaleFactor": 2, "mobile": True},
    )
    try:
        assert page.execute_script("return document.documentElement.scrollWidth") == 360
        left, right = (find(page, "figure")[i].rect for i in range(2))
        assert left["y"] == right["y"], "two cards side by side"
    finally:
        page.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
