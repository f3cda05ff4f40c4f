"""Render answers as HTML. Every text from the account is escaped, and isolated in its own text direction."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from html import escape
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from cksync.analyze.report.components import Chart, Figure, FigureTable, SectionContent, Tile
from cksync.analyze.report.embed import as_json, columnar, policy
from cksync.analyze.report.formatting import FORMS, NONE, TEXTS, moment
from cksync.version import __version__

if TYPE_CHECKING:
    from cksync.analyze.report.contents import Section

ASSETS = Path(__file__).parent / "assets"
SCRIPTS = ("d3.min.js", "plot.umd.min.js", "page.js")


@dataclass(frozen=True, slots=True)
class Shown:
    """A section with its answer; `unknown` is what v3 cannot tell, according to its models."""

    section: "Section"
    answer: SectionContent
    unknown: Sequence[str]


def page(
    account: str | None, as_of: datetime | None, timezone: str, tiles: Sequence[Tile], shown: Sequence[Shown]
) -> str:
    """Return the whole file."""
    charts: list[Chart] = []
    sections = "\n".join(_section(each, charts) for each in shown)
    name = account or "Your account"
    data = [{"kind": c.kind, "label": c.label, "options": c.options, "rows": columnar(c.rows)} for c in charts]
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{escape(_policy())}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<meta name="generator" content="cksync {__version__}">
<title>{escape(name)} · report</title>
<link rel="icon" href="data:,">
<style>
{_asset("page.css")}</style>
</head>
<body>
<a class="skip" href="#growth">Skip to the report</a>
<header>
<p class="over">Audience report</p>
<h1><bdi>{escape(name)}</bdi></h1>
<p class="as-of">As of {escape(moment(as_of))} · days in {escape(timezone)}</p>
</header>
<nav aria-label="Sections"><ul>{"".join(_link(each) for each in shown)}</ul></nav>
<main>
<section class="tiles" aria-label="At a glance">
{"".join(_tile(tile) for tile in tiles)}</section>
{sections}
</main>
<footer>
<p>Written by cksync {__version__} from the mirror alone. This file contains no names or addresses of subscribers and
makes no network requests. “{NONE}” means unknown or not applicable.</p>
<p>Charts: Observable Plot and D3, © Observable, Inc. and Mike Bostock, ISC licence.</p>
</footer>
<script type="application/json" id="charts">{as_json(data)}</script>
{"".join(f"<script>{text}</script>" + chr(10) for text in map(_asset, SCRIPTS))}</body>
</html>
"""


@cache
def _asset(name: str) -> str:
    return (ASSETS / name).read_text(encoding="utf-8")


@cache
def _policy() -> str:
    return policy(map(_asset, SCRIPTS))


def _link(shown: Shown) -> str:
    return f'<li><a href="#{shown.section.name}">{escape(shown.section.title)}</a></li>'


def _tile(tile: Tile) -> str:
    delta = ""
    if tile.delta is not None:
        mood = "good" if tile.good else "bad"
        delta = f'<span class="delta {mood}">{escape(tile.delta)}</span> '
    return (
        f'<div class="tile"><h2>{escape(tile.label)}</h2><p class="value">{escape(tile.value)}</p>'
        f'<p class="note">{delta}{escape(tile.note)}</p></div>\n'
    )


def _section(shown: Shown, charts: list[Chart]) -> str:
    section, answer = shown.section, shown.answer
    if answer.nothing is not None:
        body = f'<p class="nothing">{escape(answer.nothing)}</p>'
    else:
        body = f'<p class="lead"><bdi>{escape(answer.lead)}</bdi></p>\n' + "".join(_figures(answer.figures, charts))
    unknown = "".join(f"<li>{escape(text)}</li>" for text in dict.fromkeys(shown.unknown))
    if unknown:
        unknown = f"<details><summary>Limitations</summary><ul>{unknown}</ul></details>"
    return (
        f'<section class="card" id="{section.name}" aria-labelledby="{section.name}-title">\n'
        f'<h2 id="{section.name}-title">{escape(section.question)}</h2>\n{body}\n'
        f'<div class="words"><p>{escape(section.definition)}</p>{unknown}</div>\n</section>'
    )


def _figures(figures: Sequence[Figure], charts: list[Chart]) -> Iterator[str]:
    """Yield figures one after the other; consecutive folded ones share one element."""
    for fold, group in groupby(figures, key=lambda figure: figure.fold):
        inside = "".join(_figure(figure, charts) for figure in group)
        if fold is None:
            yield inside
        else:
            yield f'<details class="fold"><summary>{escape(fold)}</summary>{inside}</details>\n'


def _figure(figure: Figure, charts: list[Chart]) -> str:
    title = f"<h3>{escape(figure.title)}</h3>" if figure.title else ""
    note = f'<p class="note">{escape(figure.note)}</p>' if figure.note else ""
    chart = ""
    if figure.chart is not None:
        label, number = escape(figure.chart.label), len(charts)
        charts.append(figure.chart)
        key = "".join(f'<li class="{name}">{escape(text)}</li>' for name, text in figure.chart.key)
        key = f'<ul class="key" aria-hidden="true">{key}</ul>' if key else ""
        chart = f'{key}<div class="chart" role="img" aria-label="{label}" data-chart="{number}"></div>'
    table = _table(figure.table) if figure.table is not None else ""
    return f'<div class="figure">{title}{note}{chart}{table}</div>\n'


def _table(table: FigureTable) -> str:
    def css(form: str) -> str:
        return f' class="{"text name" if form == "text" else "text"}"' if form in TEXTS else ""

    head = "".join(f'<th scope="col"{css(column.form)}>{escape(column.heading)}</th>' for column in table.columns)
    lines = []
    for row in table.rows:
        cells = [(column.form, escape(FORMS[column.form](row[column.name]))) for column in table.columns]
        (first, name), *rest = cells
        line = f'<th scope="row"{css(first)}><bdi>{name}</bdi></th>'
        line += "".join(f"<td{css(form)}>{f'<bdi>{cell}</bdi>' if form in TEXTS else cell}</td>" for form, cell in rest)
        lines.append(f"<tr>{line}</tr>\n")
    title = escape(table.title)
    body = (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{title}">\n<table>'
        f"<thead><tr>{head}</tr></thead>\n<tbody>\n{''.join(lines)}</tbody></table></div>"
    )
    return body if table.is_open else f"<details><summary>{title}</summary>{body}</details>"
