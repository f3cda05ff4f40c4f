"""The report in a real headless browser: it draws every chart, logs no errors and makes no requests.

Needs Debian's chromium and chromium-driver (`.ci/run` installs them); heavy, because a browser takes seconds to start.
"""

import base64
import itertools
import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from selenium import webdriver
from selenium.webdriver import ActionChains
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from cksync.analyze.report import write_report
from cksync.analyze.report.contents import SECTIONS
from cksync.config import Config, ModelsConfig
from cksync.folder import Folder
from cksync.pipeline.pull import pull
from tests.support.accounts.hostile import EVIL, PEOPLE, empty_account, hostile_account
from tests.support.accounts.newer import newer_account
from tests.support.accounts.small import small_account

pytestmark = [pytest.mark.heavy, pytest.mark.filterwarnings("ignore::ResourceWarning")]

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
)
PHONE, DESK = 390, 1100


class Browser:
    """A Chromium that records console messages and network requests."""

    def __init__(self, driver: webdriver.Chrome) -> None:
        self.driver = driver

    def open(self, path: Path, width: int = DESK, scheme: str = "light") -> None:
        """Show a page at that width, in that colour scheme, with every fold open."""
        self.requests(), self.complaints()
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
        metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width == PHONE}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        self.driver.get(path.as_uri())
        self.js("document.querySelectorAll('details.fold').forEach((fold) => { fold.open = true; })")
        self.settle()

    def settle(self) -> None:
        """Wait for two more frames: charts adapt to their width in between."""
        self.driver.execute_async_script(
            "const done = arguments[0]; requestAnimationFrame(() => requestAnimationFrame(() => done()));"
        )

    def js(self, script: str, *arguments: Any) -> Any:
        """Return the result of a script run inside the page."""
        return self.driver.execute_script(script, *arguments)

    def log(self, name: str) -> list[dict[str, Any]]:
        """Return the new entries of a driver log since the last call."""
        found: list[dict[str, Any]] = self.driver.get_log(name)  # type: ignore[no-untyped-call]
        return found

    def complaints(self) -> list[str]:
        """Return the console messages since the last call."""
        return [entry["message"] for entry in self.log("browser")]

    def requests(self) -> list[str]:
        """Return the requested addresses since the last call."""
        messages = [json.loads(entry["message"])["message"] for entry in self.log("performance")]
        sent = [message["params"] for message in messages if message["method"] == "Network.requestWillBeSent"]
        return [params["request"]["url"] for params in sent]

    def charts(self) -> list[dict[str, Any]]:
        """Return each chart: its label, its number of data marks (of signs, if it is empty), and by how much
        it exceeds its container."""
        found: list[dict[str, Any]] = self.js(
            """
            const kinds = ["rect", "bar", "dot", "line", "cell"].map((kind) => `g[aria-label=${kind}] > *`).join(", ");
            return [...document.querySelectorAll(".chart")].map((place) => ({
                label: place.getAttribute("aria-label"),
                marks: place.querySelectorAll(kinds).length || place.matches(".empty") && place.textContent.length,
                over: (place.querySelector("svg")?.getBoundingClientRect().width ?? 0) - place.clientWidth,
            }))
            """
        )
        return found


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One Chromium for all tests."""
    if not (CHROMIUM and DRIVER):
        pytest.skip("there is no chromium; apt-get install chromium chromium-driver")
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in FLAGS:
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(DRIVER))
    yield Browser(driver)
    driver.quit()


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The report of each account of tests/support/accounts and of the small one."""
    root = tmp_path_factory.mktemp("reports")
    makers = {"small": small_account, "hostile": hostile_account, "empty": empty_account, "newer": newer_account}
    for name, make in makers.items():
        write_report(make(root / name).folder, root / f"{name}.html")
    return {name: root / f"{name}.html" for name in makers}


@pytest.fixture
def pulled(config: Config, tmp_path: Path) -> Path:
    """The report of the sandbox's account with every edge case."""
    *_, _ = pull(replace(config, models=ModelsConfig()), environ={})
    write_report(Folder(config.data_dir), tmp_path / "report.html")
    return tmp_path / "report.html"


def assert_whole(browser: Browser, path: Path) -> None:
    """Assert no messages, no requests, every chart drawn, and nothing wider than the page."""
    assert browser.complaints() == []
    assert [url for url in browser.requests() if url != path.as_uri() and url != "data:,"] == []
    for chart in browser.charts():
        assert chart["label"]
        assert chart["marks"] > 0, chart["label"]
        assert chart["over"] <= 0, chart["label"]
    assert browser.js("return document.documentElement.scrollWidth <= document.documentElement.clientWidth")


@pytest.mark.parametrize("account", ["small", "hostile", "empty", "newer"])
@pytest.mark.parametrize(("width", "scheme"), [(DESK, "light"), (DESK, "dark"), (PHONE, "light")])
def test_it_is_drawn_whole(browser: Browser, reports: dict[str, Path], account: str, width: int, scheme: str) -> None:
    browser.open(reports[account], width, scheme)
    assert_whole(browser, reports[account])
    assert len(browser.charts()) == {"small": 21, "hostile": 24, "empty": 0, "newer": 22}[account]
    assert browser.js("return document.querySelectorAll('main > section.card:not(.hero)').length") == len(SECTIONS)


def test_an_account_with_every_edge_case_is_drawn_whole(browser: Browser, pulled: Path) -> None:
    for width in (DESK, PHONE):
        browser.open(pulled, width)
        assert len(browser.charts()) > 10
        assert_whole(browser, pulled)


def test_no_name_does_anything(browser: Browser, reports: dict[str, Path]) -> None:
    browser.open(reports["hostile"])
    assert browser.js("return window.evil") is None
    assert browser.js("return document.querySelectorAll('img, iframe, object, embed, main script').length") == 0
    said = browser.js("return document.body.textContent")
    for what in ("account", "tag", "form", "subject", "product", "field"):
        assert f"{EVIL} {what}" in said
    assert "zz-private" not in browser.js("return document.documentElement.outerHTML")
    assert f"{PEOPLE} people are active" in said


def test_the_policy_lets_nothing_out_and_no_script_in(browser: Browser, reports: dict[str, Path]) -> None:
    browser.open(reports["small"])
    refused = browser.driver.execute_async_script(
        """
        const done = arguments[0], refused = [];
        document.addEventListener("securitypolicyviolation", (event) => refused.push(event.effectiveDirective));
        const add = (name, of) => document.body.append(Object.assign(document.createElement(name), of));
        add("script", {textContent: "window.evil = 1"});
        add("img", {src: "http://127.0.0.1:9/a.png"});
        add("iframe", {src: "http://127.0.0.1:9/"});
        fetch("http://127.0.0.1:9/").catch(() => {});
        const wait = () => refused.length < 4 ? setTimeout(wait, 10) : done(refused);
        wait();
        """
    )
    assert set(refused) == {"script-src-elem", "img-src", "frame-src", "connect-src"}
    assert browser.js("return window.evil") is None
    assert not [url for url in browser.requests() if url.startswith("http:") and "a.png" not in url]


def test_a_chart_answers_the_pointer_with_numbers(browser: Browser, reports: dict[str, Path]) -> None:
    browser.open(reports["small"])
    chart = browser.driver.find_element(By.CSS_SELECTOR, "#growth .chart svg")
    ActionChains(browser.driver).move_to_element_with_offset(chart, 300, 0).perform()
    browser.settle()
    assert "New Leads:" in browser.js("return arguments[0].querySelector('g[aria-label=tip]').textContent", chart)


def test_charts_follow_the_width_and_the_scheme(browser: Browser, reports: dict[str, Path]) -> None:
    def ink() -> str:
        text: str = browser.js(
            "return getComputedStyle(document.body).color + getComputedStyle(document.querySelector('svg text')).fill"
        )
        return text

    browser.open(reports["small"], DESK, "light")
    light, wide = ink(), browser.js("return document.querySelector('svg').clientWidth")
    browser.open(reports["small"], PHONE, "dark")
    assert ink() != light
    assert browser.js("return document.querySelector('svg').clientWidth") < PHONE < wide


def test_numbers_are_there_without_scripts(browser: Browser, reports: dict[str, Path]) -> None:
    browser.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        browser.driver.get(reports["small"].as_uri())
        assert len(browser.driver.find_elements(By.TAG_NAME, "table")) > 10
        assert "5 people are active" in browser.driver.find_element(By.ID, "growth").text
    finally:
        browser.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


def choose(browser: Browser, name: str, *, compare: bool = False) -> None:
    """Choose a period with the keyboard's means: the radio button, and the check box."""
    browser.js("document.querySelector(`[name=period][value='${arguments[0]}']`).click()", name)
    if compare:
        browser.js("document.querySelector('[name=compare]').click()")
    browser.settle()


@pytest.mark.parametrize("width", [DESK, PHONE])
def test_every_period_is_drawn_whole(browser: Browser, reports: dict[str, Path], width: int) -> None:
    browser.open(reports["newer"], width)
    names = browser.js("return [...document.querySelectorAll('[name=period]')].map((each) => each.value)")
    assert names[-1] == "all"
    for name in names:
        choose(browser, name, compare=name == names[0])
        assert_whole(browser, reports["newer"])


def test_a_period_changes_tiles_charts_and_tables(browser: Browser, reports: dict[str, Path]) -> None:
    def shown() -> list[str]:
        texts: list[str] = browser.js(
            """
            const text = (query) => document.querySelector(query).textContent;
            return [text(".tile:nth-of-type(2) .note"), text(".scope.follows"), text("#broadcasts .count"),
                document.querySelector("#growth .chart").getAttribute("aria-label")]
            """
        )
        return texts

    browser.open(reports["hostile"])
    choose(browser, "28")
    recent = shown()
    assert recent[1] == "28 days"
    choose(browser, "all")
    assert all(one != other for one, other in zip(recent[:2], shown()[:2], strict=True))
    assert browser.js("return document.querySelector('[name=compare]').disabled") is True


def test_tables_are_sorted_and_filtered_and_saved(browser: Browser, reports: dict[str, Path]) -> None:
    browser.open(reports["hostile"])
    choose(browser, "all")
    script = """
        const table = document.querySelector("#forms table") ?? document.querySelector("#revenue table");
        const column = [...table.tBodies[0].rows].map((row) => row.cells[1].dataset.value);
        return [column, table.tHead.rows[0].cells[1].getAttribute("aria-sort")]
    """
    browser.js("document.querySelector('#forms table, #revenue table').tHead.rows[0].cells[1].firstChild.click()")
    values, direction = browser.js(script)
    assert direction == "descending"
    assert [float(each) for each in values] == sorted(map(float, values), reverse=True)
    browser.js("document.querySelector('#forms table, #revenue table').tHead.rows[0].cells[1].firstChild.click()")
    assert browser.js(script) == [
        values[::-1] if len(set(values)) == len(values) else sorted(values, key=float),
        "ascending",
    ]
    saved = browser.js("return report.csv(document.querySelector('#forms table'))")
    assert saved.count("\r\n") == len(browser.js("return [...document.querySelectorAll('#forms tbody tr')]")) + 1
    assert not [line for line in saved.split("\r\n") if line.startswith(("=", "+", "-", "@"))]


def test_arrow_keys_visit_the_points_of_a_chart(browser: Browser, reports: dict[str, Path]) -> None:
    browser.open(reports["small"])
    chart = browser.driver.find_element(By.CSS_SELECTOR, "#growth .chart")
    browser.js("arguments[0].focus()", chart)
    chart.send_keys(Keys.END)
    assert "New Leads" in browser.js("return document.getElementById('said').textContent")
    browser.settle()
    assert "New Leads:" in browser.js("return arguments[0].querySelector('g[aria-label=tip]').textContent", chart)


def test_every_control_has_a_name_and_no_heading_is_skipped(browser: Browser, reports: dict[str, Path]) -> None:
    browser.open(reports["newer"])
    nameless = browser.js(
        """
        const named = (each) => each.getAttribute("aria-label") || each.textContent.trim() || each.labels?.length;
        return [...document.querySelectorAll("button, input, summary, a, [role]")].filter((each) =>
            !named(each) && each.id !== "said").map((each) => each.outerHTML)
        """
    )
    assert nameless == []
    levels = browser.js("return [...document.querySelectorAll('h1, h2, h3')].map((each) => +each.tagName[1])")
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))


def test_print_unfolds_everything(browser: Browser, reports: dict[str, Path]) -> None:
    browser.open(reports["small"])
    browser.js(
        """
        window.printed = null;
        addEventListener("beforeprint", () => {
            window.printed = document.querySelectorAll("details:not([open])").length;
        });
        """
    )
    printed = browser.driver.execute_cdp_cmd("Page.printToPDF", {})["data"]
    assert BytesIO(base64.b64decode(printed)).read(5) == b"%PDF-"
    assert browser.js("return window.printed") == 0
    assert browser.js("return document.querySelectorAll('details:not([open])').length") > 0
