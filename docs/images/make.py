"""Make the README's pictures from the demo's report, in headless Chromium.

    cksync demo && python docs/images/make.py cksync-demo/report.html

Needs Debian's chromium, chromium-driver and fonts-noto-core, and fonts-noto-color-emoji for emoji.
"""

import base64
import itertools
import sys
import tempfile
from pathlib import Path

from selenium import webdriver
from selenium.webdriver.chrome.service import Service

HEIGHT = 1400
# The same report on a desktop in light mode and on a phone in dark mode, side by side at four fifths of their size.
PAGE = """
<body style="margin: 0; padding: 24px 24px 14px; display: flex; gap: 24px; align-items: flex-start; width: max-content">
<img src="data:image/png;base64,{desk}" style="zoom: .8; border: 1px solid #ddd; border-radius: 12px">
<img src="data:image/png;base64,{phone}" style="zoom: .8; border: 1px solid #ddd; border-radius: 12px">
"""
# The bottom of the last part that the window shows whole, and a margin: no picture ends in the middle of a line.
END = """
const bottoms = [...document.querySelectorAll("section, .tile, .figure, img")]
    .map((part) => part.getBoundingClientRect().bottom)
    .filter((bottom) => bottom + 10 <= innerHeight);
return Math.ceil(Math.max(...bottoms)) + 10;
"""
FLAGS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--hide-scrollbars")


def main() -> None:
    """Write report.png and the four pictures of the report's top beside this file."""
    options = webdriver.ChromeOptions()
    options.binary_location = "/usr/bin/chromium"
    for flag in FLAGS:
        options.add_argument(flag)
    driver = webdriver.Chrome(options=options, service=Service("/usr/bin/chromedriver"))
    try:
        report = Path(sys.argv[1]).resolve().as_uri()
        shots = {
            "desk": picture(driver, report, 1240, "light"),
            "phone": picture(driver, report, 390, "dark", "broadcasts"),
        }
        for width, scheme in itertools.product((1400, 390), ("light", "dark")):
            shot = picture(driver, report, width, scheme)
            Path(__file__).with_name(f"report-{width}-{scheme}.png").write_bytes(base64.b64decode(shot))
        with tempfile.NamedTemporaryFile("w", suffix=".html") as file:
            file.write(PAGE.format(**shots))
            file.flush()
            whole = picture(driver, Path(file.name).as_uri(), 1368, "light")
    finally:
        driver.quit()
    Path(__file__).with_name("report.png").write_bytes(base64.b64decode(whole))


def picture(driver: webdriver.Chrome, url: str, width: int, scheme: str, place: str = "") -> str:
    """What a window of that width shows from `place` on, down to the end of a part, as PNG in base64."""
    metrics = {"width": width, "height": HEIGHT, "deviceScaleFactor": 1, "mobile": False}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    features = [
        {"name": "prefers-color-scheme", "value": scheme},
        {"name": "prefers-reduced-motion", "value": "reduce"},
    ]
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    # What a page does not paint stays transparent, so that a picture fits light and dark surroundings.
    nothing = {"r": 0, "g": 0, "b": 0, "a": 0}
    driver.execute_cdp_cmd("Emulation.setDefaultBackgroundColorOverride", {"color": nothing})
    driver.get(url)
    driver.execute_script("document.getElementById(arguments[0])?.scrollIntoView()", place)
    driver.execute_async_script("requestAnimationFrame(() => requestAnimationFrame(arguments[0]))")
    top, end = driver.execute_script("return scrollY"), driver.execute_script(END)
    clip = {"x": 0, "y": top, "width": width, "height": end, "scale": 1}
    return str(driver.execute_cdp_cmd("Page.captureScreenshot", {"format": "png", "clip": clip})["data"])


if __name__ == "__main__":
    main()
