"""A page of TensorBoard in a browser: what is drawn on it, and what it asked the network for."""

import io
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from PIL import Image
from selenium.common.exceptions import JavascriptException, TimeoutException
from selenium.webdriver import Chrome
from selenium.webdriver.support.ui import WebDriverWait

SECONDS = 30  # how long a page may take on a machine that others use too

# Most of the pages are made of elements with a shadow tree, which no selector looks into.
DEEP = """
const deep = (selector, root = document) => [
    ...root.querySelectorAll(selector),
    ...[...root.querySelectorAll('*')].flatMap(
        element => element.shadowRoot ? deep(selector, element.shadowRoot) : []),
];
const visible = element => element.getClientRects().length > 0;
const words = element => element.textContent.trim().replace(/\\s+/g, ' ');
"""


class Page:
    """The browser, for pages of one TensorBoard.

    Args:
        browser: Selenium's driver, with its log of the network.
        address: Where TensorBoard answers, with a slash at the end.
        screenshots: Folder for pictures of the pages.
    """

    def __init__(self, browser: Chrome, address: str, screenshots: Path):
        self._browser = browser
        self._address = address
        self._screenshots = screenshots

    def open(self, name: str, **query: str) -> None:
        """Opens a page such as `timeseries`, as if for the first time.

        Pages older than the time series take their settings after the name: `text&tagFilter=C1`.
        """
        self._browser.get("about:blank")  # another fragment alone would load nothing
        # The charts of the time series are SVG instead of WebGL: the same lines, which can be read.
        self._browser.get(f"{self._address}?{urlencode({'forceSVG': 'true', **query})}#{name}")

    def read(self, script: str, *arguments: Any) -> Any:
        """What a script returns that may use `deep`, `visible` and `words`."""
        return self._browser.execute_script(DEEP + script, *arguments)

    def wait(self, what: str, script: str, *arguments: Any, until: Callable = bool) -> Any:
        """Waits until what a script returns is as it should be, and returns that."""
        last: Any = None

        def found(_: Chrome) -> Any:
            nonlocal last
            try:
                last = self.read(script, *arguments)
            except JavascriptException:  # an element went while it was looked at
                return False
            return until(last)

        try:
            WebDriverWait(self._browser, SECONDS, poll_frequency=0.1).until(found)
        except TimeoutException:
            self.screenshot("failed")
            place = self._screenshots / "failed.png"
            raise AssertionError(
                f"No {what} within {SECONDS} s. Last: {last}. See {place}"
            ) from None
        return last

    def screenshot(self, name: str) -> None:
        self._screenshots.mkdir(parents=True, exist_ok=True)
        picture = Image.open(io.BytesIO(self._browser.get_screenshot_as_png()))
        # A page has few colours; with a palette its picture takes a third of the place.
        picture.convert("RGB").quantize(128).save(self._screenshots / f"{name}.png", optimize=True)

    def resize(self, width: int, height: int) -> None:
        self._browser.set_window_size(width, height)

    def requests(self) -> set[str]:
        """Addresses that pages asked for since the last call, with the pages themselves."""
        messages = [
            json.loads(entry["message"])["message"]
            for entry in self._browser.get_log("performance")
        ]
        sent = [m["params"] for m in messages if m["method"] == "Network.requestWillBeSent"]
        # The browser's own start page is shown for a moment before the first one.
        own = ("chrome:", "about:", "data:")
        return {s["request"]["url"] for s in sent if not s["request"]["url"].startswith(own)}


def points(path: str) -> list[tuple[float, float]]:
    """The corners of an SVG path of straight lines, in pixels."""
    numbers = [float(number) for number in re.findall(r"-?\d+(?:\.\d+)?(?:e-?\d+)?", path)]
    return list(zip(numbers[::2], numbers[1::2], strict=True))


def scale(ticks: list[tuple[str, float]]) -> Callable[[float], float]:
    """From pixels to values, by the ticks of a linear axis: labels, and where they stand."""
    (first, start), (last, end) = ticks[0], ticks[-1]
    low, high = (float(label.strip().replace("−", "-")) for label in (first, last))
    return lambda pixel: low + (pixel - start) / (end - start) * (high - low)
