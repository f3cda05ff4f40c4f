"""The pictures of the README, made of the demo's report in headless Chromium.

    cksync demo && python docs/images/make.py cksync-demo/report.html

Needs Debian's chromium, chromium-driver and fonts-noto-core, and fonts-noto-color-emoji for emoji.
"""

import base64
import sys
from pathlib import Path

from selenium import webdriver
from selenium.webdriver.chrome.service import Service

WIDTH, HEIGHT = 1100, 1390


def main() -> None:
    """Write report.png beside this file."""
    options = webdriver.ChromeOptions()
    options.binary_location = "/usr/bin/chromium"
    for flag in (
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-background-networking",
        "--hide-scrollbars",
    ):
        options.add_argument(flag)
    driver = webdriver.Chrome(options=options, service=Service("/usr/bin/chromedriver"))
    try:
        metrics = {"width": WIDTH, "height": HEIGHT, "deviceScaleFactor": 1, "mobile": False}
        driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        driver.get(Path(sys.argv[1]).resolve().as_uri())
        driver.execute_async_script("requestAnimationFrame(() => requestAnimationFrame(arguments[0]))")
        picture = driver.execute_cdp_cmd("Page.captureScreenshot", {"format": "png", "optimizeForSpeed": False})
    finally:
        driver.quit()
    Path(__file__).with_name("report.png").write_bytes(base64.b64decode(picture["data"]))


if __name__ == "__main__":
    main()
