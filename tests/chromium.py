"""Chromium without a window, for tests of pages: its log and its network are recorded."""

import json
import shutil
from pathlib import Path

import pytest


def open_chromium(profile: Path, *arguments: str):
    """Returns selenium's driver; skips the test where there is no browser."""
    webdriver = pytest.importorskip("selenium.webdriver", reason="needs selenium: pip install selenium")
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    driver = shutil.which("chromedriver")
    if not program or not driver:
        pytest.skip("needs a browser: apt-get install chromium chromium-driver")
    options = webdriver.ChromeOptions()
    options.binary_location = program
    for argument in (
        "headless=new",
        "no-sandbox",
        "disable-gpu",
        "disable-quic",
        "disable-dev-shm-usage",
        "no-first-run",
        "disable-background-networking",
        "disable-component-update",
        "disable-sync",
        f"user-data-dir={profile}",
        *arguments,
    ):
        options.add_argument(f"--{argument}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    chromium = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    chromium.set_script_timeout(300)  # of a machine that has much else to do
    return chromium


def requests(chromium) -> list[dict]:
    """Returns what the browser has sent for since this was asked last."""
    events = [json.loads(line["message"])["message"] for line in chromium.get_log("performance")]
    return [event["params"] for event in events if event["method"] == "Network.requestWillBeSent"]
