"""The report: one file, the same for the same mirror, without addresses, and with all text escaped."""

import base64
import hashlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from html.parser import HTMLParser
from math import sqrt
from pathlib import Path
from statistics import NormalDist
from typing import Any

import duckdb
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cksync.analyze.report import write_report
from cksync.analyze.report.components import Chart, Figure, FigureTable, SectionContent, TableColumn, Tile, TileView
from cksync.analyze.report.contents import SECTIONS
from cksync.analyze.report.embed import as_json
from cksync.analyze.report.growth import growth
from cksync.analyze.report.money import revenue
from cksync.analyze.report.page import ASSETS, SCRIPTS, Head, Shown, page
from cksync.analyze.report.periods import periods_of
from cksync.analyze.report.tags_and_forms import forms, tags
from cksync.cli import _run
from tests.conftest import some_rows
from tests.support.accounts.hostile import empty_account
from tests.support.accounts.small import NAMES, small_account
from tests.support.log_builder import LogBuilder

MOST_BYTES = 1_500_000
MARKS = {"c2": 3, "c3": 3, "c4": 3, "c5": 3, "soft": 3}  # contrast of drawn elements
QUESTIONS = [section.question for section in SECTIONS]
TODAY = date(2026, 1, 1)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> LogBuilder:
    """Nine people, four nights."""
    return small_account(tmp_path_factory.mktemp("small"))


@pytest.fixture(scope="module")
def html(small: LogBuilder, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Its report, without the scripts that the page embeds."""
    return written(small, tmp_path_factory.mktemp("report") / "report.html")


@pytest.fixture
def db() -> Iterator[duckdb.DuckDBPyConnection]:
    """An empty mirror, in which a test creates the models it needs."""
    with duckdb.connect() as db:
        yield db


def written(log: LogBuilder, path: Path) -> str:
    """Return the report as text, without the page's own embedded scripts."""
    assert write_report(log.folder, path).size == path.stat().st_size
    return path.read_text().partition("<script>")[0]


def texts(html: str) -> str:
    """Return the visible text."""
    found: list[str] = []
    parser = HTMLParser()
    parser.handle_data = found.append  # type: ignore[method-assign, assignment]
    parser.feed(html)
    return " ".join(" ".join(found).split())


# -- content


def test_every_section_has_its_answer(small: LogBuilder, html: str) -> None:
    said = texts(html)
    assert all(question in said for question in QUESTIONS)
    assert "5 people are active" in said
    assert "Not available" not in said
    (unknown,) = small.rows("select unknown from _cksync.models where name = 'churn_monthly'")
    assert unknown[0] in said


def test_numbers_are_those_of_the_models(small: LogBuilder, html: str) -> None:
    said = texts(html)
    ((cancelled, start, rate),) = small.rows("select cancelled, active_start, churn_rate from churn_monthly")
    assert f"{cancelled} of {start} people cancelled: a churn rate of {rate:.1f} %" in said
    for currency, total in small.rows("select currency, sum(revenue) from revenue_daily group by all"):
        assert f"\u2068{currency}\u2069 {total:,.2f} from" in said


def test_the_same_mirror_gives_the_same_few_bytes(small: LogBuilder, tmp_path: Path) -> None:
    first, second = tmp_path / "a.html", tmp_path / "b.html"
    assert written(small, first)
    assert written(small, second)
    assert first.read_bytes() == second.read_bytes()
    assert first.stat().st_size < MOST_BYTES


def test_it_has_nobodys_name_or_address(html: str) -> None:
    assert "@example" not in html.lower()
    assert not [name for name in NAMES.values() if re.search(rf"\b{name}\b", html, re.IGNORECASE)]


def test_an_empty_account_has_nothing_yet(tmp_path: Path) -> None:
    html = written(empty_account(tmp_path / "data"), tmp_path / "report.html")
    assert html.count('class="nothing"') == len(QUESTIONS) - 1
    assert "Can these numbers be trusted?" in html
    assert 'data-chart="' not in html


def test_a_model_that_could_not_be_made_is_named(small: LogBuilder, tmp_path: Path) -> None:
    copy = LogBuilder(tmp_path / "data")
    copy.folder.mirror.write_bytes(small.folder.mirror.read_bytes())
    with duckdb.connect(str(copy.folder.mirror)) as db:
        db.execute("drop table tag_overlap; drop view list_health")
    said = texts(written(copy, tmp_path / "report.html"))
    assert "Not available: tag_overlap could not be built" in said
    assert "Not available: list_health could not be built" in said
    assert said.count("Not available") == 2


# -- size


def days(db: duckdb.DuckDBPyConnection, count: int, known: int) -> None:
    """Create models of a list of `count` days, of which the last `known` are covered by pulls."""
    db.execute(
        """
        create table list_growth_daily as
        select date '2026-01-01' - n::integer as day, 3 as joined, case when n < $known then 1 end as lost,
            case when n < $known then 2 end as net, 3.0 as joined_average_7d,
            case when n <= $known then 1000 - 2 * n end as active_end,
            'interval' as precision
        from range($count) as t(n)
        """,
        {"count": count, "known": known},
    )
    db.execute(
        "create table audience_snapshot as select 1000 as active, 1200 as people, 84 as joined_28d, 56 as net_28d"
    )


def charts(answer: SectionContent) -> list[Chart]:
    """Return the charts of an answer."""
    return [figure.chart for figure in answer.figures if figure.chart]


def views(chart: Chart) -> list[Chart]:
    """Return what a chart shows for each period."""
    return list(chart.views.values()) or [chart]


@pytest.mark.parametrize(
    ("count", "known"), [(1, 0), (1, 1), (90, 90), (91, 3), (400, 400), (1000, 10), (8000, 8000), (140_000, 3)]
)
def test_growth_of_any_length_is_a_few_hundred_points(db: duckdb.DuckDBPyConnection, count: int, known: int) -> None:
    days(db, count, known)
    periods = periods_of(TODAY - timedelta(count - 1), TODAY)
    found = charts(growth(db, periods))
    assert found
    assert all(len(view.rows) <= 400 for chart in found for view in views(chart))
    for period in periods:
        assert sum(row["joined"] for row in found[0].views[period.name].rows) == 3 * period.days


def test_currencies_are_many_and_never_added_up(db: duckdb.DuckDBPyConnection) -> None:
    db.execute(
        """
        create table revenue_daily as
        select date '2026-01-01' + (n % 40)::integer as day, 'C' || n % 40 as currency, 1 as orders, 1 as units,
            0 as orders_without_amount, (n % 40 + 1)::decimal(38, 4) as revenue, 0::decimal(38, 4) as discount,
            1::decimal(38, 4) as new_revenue,
            (n % 40)::decimal(38, 4) as repeat_revenue
        from range(400) as t(n);
        create table revenue_by_product (product_key varchar, product varchar, currency varchar, orders bigint,
            units bigint, gross decimal, discount decimal, revenue decimal, revenue_share_rate double, buyers bigint,
            new_buyers bigint);
        create table ltv_by_source (dimension varchar, source_key varchar, source varchar, new_leads bigint);
        create table revenue_by_source (dimension varchar, source_key varchar, source varchar, currency varchar,
            currency_customers bigint, new_lead_revenue decimal, new_lead_value decimal, customer_value decimal,
            value_90_days decimal);
        """
    )
    answer = revenue(db, periods_of(date(2025, 1, 1), date(2026, 3, 1)))
    totals = answer.figures[0].table
    assert totals is not None
    assert {row["currency"]: row["revenue"] for row in totals.rows} == {f"C{n}": 10 * (n + 1) for n in range(40)}
    shown = [f"Revenue \u2068C{n}\u2069" for n in (0, 1, 10, 11, 12)]
    assert [chart.options["what"] for chart in charts(answer)] == shown
    assert str(sum(10 * (n + 1) for n in range(40))) not in answer.lead


@pytest.mark.parametrize(
    ("forms_of", "said"),
    [
        ([("a", 50, 20), ("b", 2, 2), ("c", 100, 1)], "“\u2068a\u2069” has the highest Conversion Rate"),
        ([("a", 50, 20)], "“\u2068a\u2069” is the only form with 20 joins or more: 20 of 50 people bought"),
        ([("a", 19, 5)], "1 form brought people; none with buyers has 20 joins"),
        ([("a", 19, 5), ("b", 50, 0)], "2 forms brought people; none with buyers has 20 joins"),
        ([("a", 50, 0), ("b", 10, 0)], "2 forms brought people; no one has bought"),
        (
            [("a", 183, 9), ("b", 122, 6)],
            "No form is clearly the best: “\u2068a\u2069” (9 of 183 people bought after joining) and “\u2068b\u2069”"
            " (6 of 122) show no significant difference.",
        ),
        # twice the rate, and still only chance: 8 of 100, 3.5 to 15.2 %, 3 of 80, 1.0 to 10.5 %
        ([("a", 100, 8), ("b", 80, 3)], "No form is clearly the best: "),
        # too few joins: 0 of 20 may be 16 %
        ([("a", 500, 50), ("b", 20, 0)], "No form is clearly the best: "),
        # certain against the second, not against the third, which fewer joined
        ([("a", 1000, 100), ("b", 1000, 50), ("c", 30, 1)], "No form is clearly the best: “\u2068a\u2069” "),
    ],
)
def test_a_form_is_praised_only_if_the_numbers_bear_it(
    db: duckdb.DuckDBPyConnection, forms_of: list[tuple[str, int, int]], said: str
) -> None:
    db.execute("create table model_settings as select 20 as minimum_support")
    db.execute(
        """
        create table lead_magnet_conversion (subscribable_type varchar, subscribable_id bigint, name varchar,
            joins bigint, buyers bigint, conversion_low double, conversion_high double, members bigint default 1,
            active_after_90_days_rate double, active_after_90_days_rate_at_most double, median_days_to_buy double,
            conversion_rate double generated always as (100.0 * buyers / joins));
        create table lead_magnet_revenue as
        select 'form' as subscribable_type, n as subscribable_id, 'USD' as currency, 1 as currency_rank,
            0::decimal(18, 4) as revenue, 0::decimal(18, 4) as signup_value
        from range(10) as t(n)
        """
    )
    for number, (name, joins, buyers) in enumerate(forms_of):
        low, high = (100 * end for end in wilson(buyers, joins))
        db.execute(
            "insert into lead_magnet_conversion (subscribable_type, subscribable_id, name, joins, buyers,"
            " conversion_low, conversion_high) values ('form', ?, ?, ?, ?, ?, ?)",
            [number, name, joins, buyers, low, high],
        )
    answer = forms(db, ())
    assert answer.lead.startswith(said)
    assert len(charts(answer)[0].rows) == len(forms_of)


def wilson(of: int, among: int) -> tuple[float, float]:
    """Return the confidence interval of a share, by the textbook."""
    z, share = NormalDist().inv_cdf(0.975), of / among
    middle = share + z * z / (2 * among)
    half = z * sqrt(share * (1 - share) / among + z * z / (4 * among * among))
    return (middle - half) / (1 + z * z / among), (middle + half) / (1 + z * z / among)


@pytest.mark.parametrize(
    ("pairs", "said"),
    [
        (
            [(3.0, 2.0, 4.0)],
            "“\u2068a0\u2069” and “\u2068b0\u2069” have the strongest overlap: 3.0 times as often as expected",
        ),
        (
            [(3.0, 2.0, 4.0), (2.9, 2.1, 3.7), (1.2, 0.9, 1.5)],
            "“\u2068a1\u2069” and “\u2068b1\u2069” occur together 2.9 times as often as expected by chance;"
            " 1 other pair may be as close.",
        ),
        ([(1.4, 0.9, 1.9)], "No two tags are on the same people significantly more often than expected by chance."),
    ],
)
def test_tags_are_called_close_only_if_the_numbers_bear_it(
    db: duckdb.DuckDBPyConnection, pairs: list[tuple[float, float, float]], said: str
) -> None:
    db.execute("create table model_settings as select 20 as minimum_support")
    db.execute(
        """
        create table tag_overlap (tag_id bigint, tag varchar, other_tag_id bigint, other_tag varchar, people bigint,
            tag_people bigint, other_people bigint, tag_share_rate double, other_share_rate double,
            jaccard_rate double, lift double, lift_low double, lift_high double)
        """
    )
    for number, pair in enumerate(pairs):
        db.execute(
            "insert into tag_overlap values (?, ?, ?, ?, 30, 40, 40, 75, 75, 60, ?, ?, ?)",
            [number, f"a{number}", 100 + number, f"b{number}", *pair],
        )
    assert tags(db, ()).lead.startswith(said)


# -- foreign text


@settings(deadline=None, max_examples=50)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda each: st.lists(each) | st.dictionaries(st.text(), each),
    )
)
@example("</script><!--<script>\u2028\u2029&amp;]]>")
def test_json_comes_back_as_it_was_and_cannot_end_its_element(value: Any) -> None:
    text = as_json(value)
    assert json.loads(text) == value
    assert not set("<>&\u2028\u2029") & set(text)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_what_json_has_no_number_for_is_null(value: float) -> None:
    assert as_json({"x": [value]}) == '{"x":[null]}'


def test_days_and_moments_are_iso() -> None:
    assert (
        as_json([date(2026, 3, 1), datetime(2026, 3, 1, 9, tzinfo=UTC)]) == '["2026-03-01","2026-03-01T09:00:00+00:00"]'
    )


class Shape(HTMLParser):
    """The elements of a page with the names of their attributes, and its visible text."""

    def __init__(self) -> None:
        super().__init__()
        self.elements: list[tuple[str, ...]] = []
        self.said: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, *(name for name, _ in attrs)))
        self.said += [value or "" for name, value in attrs if name == "aria-label"]

    def handle_endtag(self, tag: str) -> None:
        self.elements.append((f"/{tag}",))

    def handle_data(self, data: str) -> None:
        self.said.append(data)


def page_of(text: str) -> Shape:
    """Return a page with this text in every place."""
    rows = [{"name": text, "value": 1}]
    chart = Chart("bars", text, rows, {"color": "c1"}, (("c1", text),))
    table = FigureTable(text, (TableColumn("name", text, "text"), TableColumn("value", text)), rows)
    figures = [Figure(text, text, chart, table), Figure(text, text, None, table, fold=text)]
    shown = [
        Shown(SECTIONS[0], SectionContent(text, figures), [text]),
        Shown(SECTIONS[1], SectionContent(nothing=text), []),
    ]
    made = Shape()
    tile = Tile(text, {"all": TileView(text, text, text, "good")}, {"all": [1, 2]})
    line = Chart("hero", text, rows, {"note": text}, (("c1", text),))
    head = Head(text, None, text, [tile], periods_of(TODAY, TODAY), line, text)
    made.feed(page(head, shown).partition("<script>")[0])
    made.close()
    return made


PLAIN = page_of("x").elements


@settings(deadline=None, max_examples=30)
@given(
    st.text(alphabet=st.sampled_from("<>&\"'/!-= x\n\0\u2028\u202e\u0645🎉") | st.characters(codec="utf-8"), min_size=1)
)
@example("<script>alert(1)</script>")
@example('"><img src=x onerror=alert(1)>')
@example("</script><script>alert(1)</script>")
@example("</style><!--")
@example("' onmouseover='alert(1)")
def test_no_text_is_markup(text: str) -> None:
    assert page_of(text).elements == PLAIN


# -- colours


def brightness(color: str) -> float:
    """Return the relative luminance of #rrggbb, as WCAG defines it."""
    parts = [int(color[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_colours_contrast_with_their_background(scheme: int) -> None:
    blocks = re.findall(r":root \{(.*?)\}", (ASSETS / "page.css").read_text(), re.DOTALL)
    colors = dict(re.findall(r"--([\w-]+): (#\w{6});", blocks[scheme]))
    for ground in (colors["card"], colors["page"]):
        for name, least in {"ink": 7, "quiet": 4.5, "c1": 4.5, "good": 4.5, "bad": 4.5}.items() | MARKS.items():
            darker, lighter = sorted([brightness(colors[name]), brightness(ground)])
            assert (lighter + 0.05) / (darker + 0.05) >= least, (name, ground)


# -- the policy


def test_the_policy_names_the_scripts_that_are_there_and_allows_no_network(small: LogBuilder, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    write_report(small.folder, path)
    html = path.read_text()
    (policy,) = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]+)"', html)
    policy = policy.replace("&#x27;", "'")
    scripts = re.findall(r"<script>(.*?)</script>", html, re.DOTALL)
    assert len(scripts) == len(SCRIPTS)
    for script in scripts:
        assert f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'" in policy
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe-eval" not in policy
    assert not re.search(r"https?:|\*", policy)
    assert not re.search(r'(src|href|action)="(?!#|data:,)', html.partition("<script>")[0])


def test_the_embedded_libraries_are_those_that_are_named() -> None:
    named = (ASSETS / "LICENSES.txt").read_text()
    for name, package in (("d3.min.js", "d3"), ("plot.umd.min.js", "@observablehq/plot")):
        version = re.search(r" v([\d.]+) ", (ASSETS / name).read_text()[:80])
        assert version
        assert re.search(rf"{re.escape(name)}\s+{re.escape(package)} {re.escape(version[1])} ", named)


# -- the command


@pytest.fixture
def report(small: LogBuilder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """Run the command on the small account, in tmp_path; return its exit status."""
    monkeypatch.setenv("CKSYNC_DATA_DIR", str(small.folder.root))
    monkeypatch.setenv("CKSYNC_API_SECRET", "x")
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: _run(["report", *arguments])


def test_the_command_names_the_file_it_wrote(
    report: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert report() == 0
    older = (tmp_path / "cksync-report.html").read_text()
    (tmp_path / "cksync-report.html").write_text(older + "of yesterday")
    capsys.readouterr()
    assert report() == 0
    assert (tmp_path / "cksync-report.html").read_text() == older
    assert re.fullmatch(
        r"cksync-report\.html is written: \d+ kB, as of 2026-03-04 \d\d:\d\d UTC\.\n", capsys.readouterr().out
    )
    assert (tmp_path / "cksync-report.html").read_text().startswith("<!doctype html>")
    assert [path.name for path in tmp_path.iterdir()] == ["cksync-report.html"]


def test_a_file_that_is_no_report_is_not_replaced_unless_forced(report: Callable[..., int], tmp_path: Path) -> None:
    notes = tmp_path / "notes.txt"
    notes.write_text("mine")
    assert (report(str(notes)), notes.read_text()) == (4, "mine")
    assert report(str(notes), "--force") == 0
    assert report(str(notes)) == 0  # a report now
    assert notes.read_text().startswith("<!doctype html>")


def test_a_link_stays_a_link(report: Callable[..., int], tmp_path: Path) -> None:
    (tmp_path / "link.html").symlink_to(tmp_path / "report.html")
    assert report("link.html") == 0
    assert (tmp_path / "link.html").is_symlink()
    assert (tmp_path / "report.html").read_text().startswith("<!doctype html>")


@pytest.mark.parametrize(
    ("file", "said"),
    some_rows(
        [
            ("no/such/folder/r.html", "cannot be written: No such file or directory"),
            (".", "is a folder; name a file"),
            ("/dev/null", "/dev/null is not a regular file; choose another path for the report"),
            (f"{'x' * 300}.html", "cannot be written: File name too long"),
        ],
        [(".", "is a folder; name a file")],
    ),
)
def test_what_cannot_be_written_is_one_sentence(
    report: Callable[..., int], capsys: pytest.CaptureFixture[str], file: str, said: str
) -> None:
    assert report(file) == 1
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1


def test_a_full_disk_leaves_the_old_report(small: LogBuilder, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    path.write_text("an older one")
    command = f"ulimit -f 100; exec {sys.executable} -m cksync report --force {path}"
    env = {
        "PATH": os.environ["PATH"],
        "CKSYNC_DATA_DIR": str(small.folder.root),
        "CKSYNC_API_SECRET": "no-secret-at-all",
    }
    done = subprocess.run(["bash", "-c", command], env=env, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr == f"cksync: {path} cannot be written: File too large; choose another path for the report\n"
    assert [each.name for each in tmp_path.iterdir()] == ["report.html"]
    assert path.read_text() == "an older one"


def test_a_mirror_without_models_asks_for_a_rebuild(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CKSYNC_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("CKSYNC_API_SECRET", "x")
    duckdb.connect(str(tmp_path / "mirror.duckdb")).close()
    assert _run(["report", str(tmp_path / "r.html")]) == 1
    assert (
        "has no models: models.build is false, or an older cksync built the mirror; build them with `cksync rebuild`"
        in capsys.readouterr().err
    )
