"""How a report is presented: its title, logo and colour, from `[report]` of the configuration."""

import base64
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cksync.errors import BadConfig

LARGEST = 300_000  # bytes of a logo
LONGEST = 120  # characters of a title
CONTRAST = 4.6  # of text on a card or on the page; WCAG wants 4.5
_COLOR = re.compile(r"#[0-9a-fA-F]{6}")
_PICTURES = {b"\x89PNG": "image/png", b"\xff\xd8\xff": "image/jpeg", b"GIF8": "image/gif", b"RIFF": "image/webp"}
# The backgrounds in light and dark, as in assets/page.css: the harder of card and page.
_GROUNDS = ("#f6f5f2", "#1d2026")
_INKS = ("#000000", "#ffffff")


@dataclass(frozen=True)
class ReportConfig:
    """The title, '' for the account's name; the logo; and the colour as #rrggbb, '' for cksync's own."""

    title: str = ""
    logo: Path | None = None
    color: str = ""


def read_report(raw: Mapping[str, Any], path_of: Callable[[str], Path], problems: list[str]) -> ReportConfig:
    """Read the table `[report]`; `path_of` reads the path of a key."""
    title, color = raw.get("title", ""), raw.get("color", "")
    if not isinstance(title, str) or len(title) > LONGEST or not title.isprintable():
        problems.append(f"report.title: must be one line of at most {LONGEST} characters")
        title = ""
    if not isinstance(color, str) or (color and not _COLOR.fullmatch(color)):
        problems.append('report.color: must be a colour such as "#0b62a8"')
        color = ""
    return ReportConfig(title.strip(), path_of("logo") if "logo" in raw else None, color.lower())


def data_url(logo: Path) -> str:
    """A picture as an address that holds it. Raises BadConfig if it is not a picture, or too large."""
    try:
        with logo.open("rb") as file:
            data = file.read(LARGEST + 1)
    except OSError as error:
        raise BadConfig([f"report.logo: {logo} cannot be read: {error.strerror}"]) from None
    if len(data) > LARGEST:
        raise BadConfig([f"report.logo: {logo} is larger than {LARGEST // 1000} kB; use a smaller picture"])
    kind = next((kind for sign, kind in _PICTURES.items() if data.startswith(sign)), None)
    if kind is None and b"<svg" in data[:1000]:
        kind = "image/svg+xml"
    if kind is None:
        raise BadConfig([f"report.logo: {logo} is not a PNG, JPEG, GIF, WebP or SVG picture"])
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"


def readable(color: str) -> tuple[str, str]:
    """The colour for a light and for a dark page, darkened or lightened until text in it can be read."""
    light, dark = (_towards(color, ink, ground) for ink, ground in zip(_INKS, _GROUNDS, strict=True))
    return light, dark


def _towards(color: str, ink: str, ground: str) -> str:
    for step in range(21):
        mixed = _mixed(color, ink, step / 20)
        if contrast(mixed, ground) >= CONTRAST:
            return mixed
    return ink


def _parts(color: str) -> tuple[int, int, int]:
    red, green, blue = (int(color[place : place + 2], 16) for place in (1, 3, 5))
    return red, green, blue


def _mixed(color: str, other: str, share: float) -> str:
    both = zip(_parts(color), _parts(other), strict=True)
    return "#" + "".join(f"{round(one + (two - one) * share):02x}" for one, two in both)


def contrast(color: str, other: str) -> float:
    """The contrast of two colours, as WCAG defines it: from 1 to 21."""
    darker, lighter = sorted((_luminance(color), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(color: str) -> float:
    shares = (part / 255 for part in _parts(color))
    red, green, blue = (share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
