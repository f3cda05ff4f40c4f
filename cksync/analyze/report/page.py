"""Render answers as HTML. Every text from the account is escaped, and isolated in its own text direction."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from html import escape
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cksync.analyze.report.components import Chart, Figure, SectionContent, Tile
from cksync.analyze.report.embed import as_json, columnar, policy
from cksync.analyze.report.formatting import NONE, day, moment
from cksync.analyze.report.periods import ALL, Period, default_of
from cksync.analyze.report.tables import table_html
from cksync.version import __version__

if TYPE_CHECKING:
    from cksync.analyze.report.contents import Section

ASSETS = Path(__file__).parent / "assets"
SCRIPTS = ("d3.min.js", "plot.umd.min.js", "charts.js", "grids.js", "hero.js", "tables.js", "page.js")


@dataclass(frozen=True, slots=True)
class Head:
    """What is above the sections. `colors` are the main colour in light and dark, `logo` is a data: address."""

    title: str
    as_of: datetime | None
    timezone: str
    tiles: Sequence[Tile] = ()
    periods: Sequence[Period] = ()
    hero: Chart | None = None
    lead: str = ""
    logo: str = ""
    colors: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Shown:
    """A section with its answer; `unknown` is what v3 cannot tell, according to its models."""

    section: "Section"
    answer: SectionContent
    unknown: Sequence[str]


def page(head: Head, shown: Sequence[Shown]) -> str:
    """Return the whole file."""
    charts: list[Chart] = []
    top = _top(head, charts)
    sections = "\n".join(_section(each, charts) for each in shown)
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{escape(_policy())}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<meta name="generator" content="cksync {__version__}">
<title>{escape(head.title)} · report</title>
<link rel="icon" href="data:,">
<style>
{_asset("page.css")}{_asset("print.css")}{_colors(head)}</style>
</head>
<body>
<a class="skip" href="#growth">Skip to the report</a>
<header>
{_heading(head)}
</header>
{_periods(head.periods)}<div class="sheet">
<nav aria-label="Sections"><ul>{"".join(_link(each) for each in shown)}</ul></nav>
<main>
{top}{sections}
</main>
</div>
<footer>
<p>Written by cksync {__version__} from the mirror alone. This file contains no names or addresses of subscribers and
makes no network requests. “{NONE}” means unknown or not applicable.</p>
<p>Charts: Observable Plot and D3, © Observable, Inc. and Mike Bostock, ISC licence.</p>
</footer>
<p id="said" class="unseen" role="status"></p>
<script type="application/json" id="data">{as_json(_data(head, charts))}</script>
{"".join(f"<script>{text}</script>" + chr(10) for text in map(_asset, SCRIPTS))}</body>
</html>
"""


@cache
def _asset(name: str) -> str:
    return (ASSETS / name).read_text(encoding="utf-8")


@cache
def _policy() -> str:
    return policy(map(_asset, SCRIPTS))


def _colors(head: Head) -> str:
    """The main colour of the configuration, in light, dark and print."""
    if head.colors is None:
        return ""
    light, dark = head.colors
    dark_rule = f"@media screen and (prefers-color-scheme: dark) {{ :root {{ --c1: {dark}; }} }}"
    return f":root {{ --c1: {light}; }}\n{dark_rule}\n@media print {{ :root {{ --c1: {light}; }} }}\n"


def _heading(head: Head) -> str:
    logo = f'<img class="logo" src="{escape(head.logo)}" alt="">\n' if head.logo else ""
    return (
        f'{logo}<div><p class="over">Audience report</p>\n<h1><bdi>{escape(head.title)}</bdi></h1>\n'
        f'<p class="as-of">As of {escape(moment(head.as_of))} · days in {escape(head.timezone)}</p></div>'
    )


def _periods(periods: Sequence[Period]) -> str:
    """The control of the period; assets/page.js shows it, because without scripts it does nothing."""
    if not periods:
        return ""
    chosen = default_of(periods)
    choices = "".join(
        f'<label><input type="radio" name="period" value="{period.name}"{" checked" if period is chosen else ""}>'
        f"<span>{escape(period.label)}</span></label>"
        for period in periods
    )
    return (
        '<form class="periods" aria-label="Period of the charts" hidden>\n<fieldset><legend>Period</legend>'
        f'{choices}</fieldset>\n<label class="against"><input type="checkbox" name="compare">'
        '<span>Compare with the period before</span></label>\n<p class="range"></p>\n</form>\n'
    )


def _data(head: Head, charts: Sequence[Chart]) -> dict[str, Any]:
    """What the scripts draw."""
    chosen = default_of(head.periods).name if head.periods else ALL
    return {
        "period": chosen,
        "periods": [_period(period) for period in head.periods],
        "tiles": [
            {name: [view.value, view.delta, view.mood, view.note] for name, view in tile.views.items()}
            for tile in head.tiles
        ],
        "charts": [_chart(chart) for chart in charts],
    }


def _period(period: Period) -> dict[str, Any]:
    before = period.before and {"start": period.before.start, "end": period.before.end}
    said = f"{day(period.start)} {NONE} {day(period.end)}"
    earlier = f"{day(period.before.start)} {NONE} {day(period.before.end)}" if period.before else None
    scope = "all time" if period.name == ALL else f"{period.days} days"
    return {"name": period.name, "scope": scope, "start": period.start, "end": period.end, "said": said,
        "before": before or None, "earlier": earlier}  # fmt: skip


def _chart(chart: Chart) -> dict[str, Any]:
    data: dict[str, Any] = {"kind": chart.kind, "label": chart.label, "options": chart.options}
    data["time"] = chart.time
    if not chart.views:
        return {**data, "rows": columnar(chart.rows)}
    views = {
        name: {"label": view.label, "options": view.options, "rows": columnar(view.rows)}
        for name, view in chart.views.items()
    }
    return {**data, "views": views}


def _link(shown: Shown) -> str:
    return f'<li><a href="#{shown.section.name}">{escape(shown.section.title)}</a></li>'


def _top(head: Head, charts: list[Chart]) -> str:
    """The line of the whole list, and the figures of the period."""
    line = ""
    if head.hero is not None:
        figure = _figure(Figure("", str(head.hero.options["note"]), head.hero), charts, "")
        line = (
            '<section class="card hero" aria-labelledby="hero-title"><h2 id="hero-title">The list over the years</h2>\n'
            f'<p class="lead"><bdi>{escape(head.lead)}</bdi></p>\n{figure}</section>\n'
        )
    chosen = default_of(head.periods).name if head.periods else ALL
    tiles = "".join(_tile(tile, place, chosen, charts) for place, tile in enumerate(head.tiles))
    title = '<h2 class="unseen">At a glance</h2>' if tiles else ""
    return f'{line}<section class="tiles" aria-label="At a glance">{title}\n{tiles}</section>\n'


def _tile(tile: Tile, place: int, chosen: str, charts: list[Chart]) -> str:
    view = tile.views.get(chosen) or next(iter(tile.views.values()))
    delta = f'<span class="delta {view.mood}">{escape(view.delta)}</span> ' if view.delta is not None else ""
    spark = ""
    if any(len(values) > 1 for values in tile.sparks.values()):
        views = {
            name: Chart("spark", tile.label, [{"value": value} for value in values], {})
            for name, values in tile.sparks.items()
        }
        spark = f'<div class="spark" aria-hidden="true" data-chart="{len(charts)}"></div>'
        charts.append(Chart("spark", tile.label, (), {}, views=views))
    return (
        f'<div class="tile" data-tile="{place}"><h3>{escape(tile.label)}</h3><p class="value">{escape(view.value)}</p>'
        f'<p class="note">{delta}<span>{escape(view.note)}</span></p>{spark}</div>\n'
    )


def _section(shown: Shown, charts: list[Chart]) -> str:
    section, answer = shown.section, shown.answer
    if answer.nothing is not None:
        body = f'<p class="nothing">{escape(answer.nothing)}</p>'
    else:
        body = f'<p class="lead"><bdi>{escape(answer.lead)}</bdi></p>\n' + "".join(
            _figures(answer.figures, charts, section.title)
        )
    unknown = "".join(f"<li>{escape(text)}</li>" for text in dict.fromkeys(shown.unknown))
    if unknown:
        unknown = f"<details><summary>Limitations</summary><ul>{unknown}</ul></details>"
    return (
        f'<section class="card" id="{section.name}" aria-labelledby="{section.name}-title">\n'
        f'<h2 id="{section.name}-title">{escape(section.question)}</h2>\n{body}\n'
        f'<div class="words"><p>{escape(section.definition)}</p>{unknown}</div>\n</section>'
    )


def _figures(figures: Sequence[Figure], charts: list[Chart], subject: str) -> Iterator[str]:
    """Yield figures one after the other; consecutive folded ones share one element, consecutive half ones a row."""
    for (fold, is_half), group in groupby(figures, key=lambda figure: (figure.fold, figure.is_half)):
        inside = "".join(_figure(figure, charts, subject) for figure in group)
        if is_half:
            inside = f'<div class="row">{inside}</div>\n'
        if fold is None:
            yield inside
        else:
            yield f'<details class="fold"><summary>{escape(fold)}</summary>{inside}</details>\n'


def _figure(figure: Figure, charts: list[Chart], subject: str) -> str:
    chart = figure.chart
    scope = ""
    if (chart is not None and chart.follows) or (figure.title and figure.table is not None and figure.table.time):
        scope = ' <span class="scope follows"></span>'
    elif figure.scope:
        scope = f' <span class="scope">{escape(figure.scope)}</span>'
    title = f"<h3>{escape(figure.title)}{scope}</h3>" if figure.title else ""
    note = f'<p class="note">{escape(figure.note)}</p>' if figure.note else ""
    table = table_html(figure.table, figure.title or subject) if figure.table is not None else ""
    return f'<div class="figure">{title}{note}{_drawn(chart, charts) if chart else ""}{table}</div>\n'


def _drawn(chart: Chart, charts: list[Chart]) -> str:
    """The place of a chart, below the key of its colours."""
    items = [*chart.key, ("ink compare", "the period before")] if chart.can_compare and not chart.time else chart.key
    items = list(dict.fromkeys(items))
    key = "".join(f'<li class="{name}">{escape(text)}</li>' for name, text in items)
    key = f'<ul class="key" aria-hidden="true">{key}</ul>' if key else ""
    charts.append(chart)
    return (
        f'{key}<div class="chart" role="img" tabindex="0" aria-label="{escape(chart.label)}"'
        f' data-chart="{len(charts) - 1}"></div>'
    )
