"""Sections about what people joined: tags that go together, forms that bring buyers."""

from collections.abc import Sequence

import duckdb

from cksync.analyze.report.components import Chart, Figure, FigureTable, Rows, SectionContent, TableColumn, row, rows
from cksync.analyze.report.formatting import count, named, people, percent
from cksync.analyze.report.periods import Period
from cksync.plural import plural

TAGS, PAIRS, FORMS = 12, 30, 15
_RANGE = (("ink", "95 % range of the rate"),)


def tags(db: duckdb.DuckDBPyConnection, _: Sequence[Period]) -> SectionContent:
    """Answer "Which tags go together?"."""
    pairs = rows(db, "from tag_overlap order by lift desc, people desc, tag_id, other_tag_id limit $n", {"n": PAIRS})
    support = row(db, "select minimum_support from model_settings")["minimum_support"]
    if not pairs:
        return SectionContent(nothing=f"No two tags share {people(support)} or more.")
    cells = rows(
        db,
        """
        with sides as (
            select tag_id, tag, other_tag_id as with_id, other_tag as with_tag, people, tag_people,
                tag_share_rate as share, lift
            from tag_overlap
            union all
            select other_tag_id, other_tag, tag_id, tag, people, other_people, other_share_rate, lift
            from tag_overlap
        ),
        largest as (
            select tag_id, max(tag_people) as people
            from sides group by tag_id order by people desc, tag_id limit $tags
        )
        select sides.*
        from sides
        join largest on largest.tag_id = sides.tag_id
        join largest as others on others.tag_id = sides.with_id
        order by sides.tag_people desc, sides.tag_id, others.people desc, sides.with_id
        """,
        {"tags": TAGS},
    )
    ids = list(dict.fromkeys(cell["tag_id"] for cell in cells))
    names = {cell["tag_id"]: cell["tag"] for cell in cells}
    chart = Chart(
        "overlap",
        f"Share of people with one tag who have another, for {plural(len(ids), 'tag')}.",
        cells,
        {"ids": ids, "names": [names[id_] for id_ in ids]},
    )
    columns = (
        TableColumn("tag", "Tag", "text"),
        TableColumn("other_tag", "And", "text"),
        TableColumn("people", "People with both"),
        TableColumn("tag_share_rate", "Share of first", "percent"),
        TableColumn("other_share_rate", "Share of second", "percent"),
        TableColumn("jaccard_rate", "Share of either", "percent"),
        TableColumn("lift", "Lift", "decimal"),
        TableColumn("lift_low", "Lift from", "decimal"),
        TableColumn("lift_high", "to", "decimal"),
    )
    note = "Percentage of the people with the tag on the left who also have the tag above. Only the largest tags"
    note += f" are shown, without pairs of fewer than {people(support)}."
    table = FigureTable("Pairs by lift", columns, pairs)
    return SectionContent(_together(db), [Figure("How tags overlap", note, chart, table, scope="today")])


def _together(db: duckdb.DuckDBPyConnection) -> str:
    """The pair of tags that most surely go together; called the closest only if no other pair's range reaches as
    high."""
    first = row(db, "from tag_overlap order by lift_low desc, tag_id, other_tag_id limit 1")
    if first["lift_low"] <= 1:
        return "No two tags are on the same people significantly more often than expected by chance."
    pair = f"“{named(first['tag'])}” and “{named(first['other_tag'])}”"
    times = f"{first['lift']:.1f} times as often as expected by chance"
    rivals = row(
        db, "select count(*) - 1 as count from tag_overlap where lift_high >= $low", {"low": first["lift_low"]}
    )["count"]
    if not rivals:
        return f"{pair} have the strongest overlap: {times}."
    return f"{pair} occur together {times}; {plural(rivals, 'other pair')} may be as close."


def forms(db: duckdb.DuckDBPyConnection, _: Sequence[Period]) -> SectionContent:
    """Answer "Which lead magnets bring buyers?"."""
    found = rows(
        db,
        """
        select subscribable_id as id, magnet.name, joins, members, active_after_90_days_rate as active_after_90,
            active_after_90_days_rate_at_most as active_at_most, buyers, conversion_rate, conversion_low,
            conversion_high, median_days_to_buy, currency, revenue, signup_value
        from lead_magnet_conversion as magnet
        join lead_magnet_revenue as earned using (subscribable_type, subscribable_id)
        where subscribable_type = 'form' and currency_rank = 1 and joins > 0
        order by joins desc, id
        """,
    )
    if not found:
        return SectionContent(nothing="No one has joined through a form yet.")
    largest, has_buyers = found[:FORMS], any(each["buyers"] for each in found)
    chart = _converting(largest) if has_buyers else _joining(largest)
    currency = found[0]["currency"]
    columns = (
        TableColumn("name", "Form", "text"),
        TableColumn("joins", "Joins"),
        TableColumn("active_after_90", "Active after 90 days, at least", "percent"),
        TableColumn("active_at_most", "at most", "percent"),
        TableColumn("buyers", "New Buyers"),
        TableColumn("conversion_rate", "Conversion Rate", "percent"),
        TableColumn("conversion_low", "Rate from", "percent"),
        TableColumn("conversion_high", "to", "percent"),
        TableColumn("median_days_to_buy", "Median days to buy"),
        TableColumn("revenue", f"Revenue {currency}".strip(), "money"),
        TableColumn("signup_value", f"Signup Value {currency}".strip(), "money"),
    )
    table = FigureTable("All forms" if len(found) <= 100 else "The 100 largest forms", columns, found[:100])
    title = "Conversion Rate by form" if has_buyers else "Joins by form"
    support = row(db, "select minimum_support from model_settings")["minimum_support"]
    note = (
        f"A form is called the best only if the range of its rate is above that of every other form with {support} or"
    )
    note += " more joins; where ranges overlap, the order may be chance."
    figure = Figure(title, note if has_buyers else "", chart, table, scope="all time")
    return SectionContent(_best(found, support, has_buyers=has_buyers), [figure])


def _best(found: Rows, support: int, *, has_buyers: bool) -> str:
    """The form with the highest rate among those that enough people joined, if the numbers support it."""
    brought = f"{plural(len(found), 'form')} brought people"
    if not has_buyers:
        return f"{brought}; no one has bought after joining one."
    enough = sorted(
        (each for each in found if each["joins"] >= support),
        key=lambda each: (-each["conversion_rate"], -each["joins"], each["id"]),
    )
    if not any(each["buyers"] for each in enough):
        return f"{brought}; none with buyers has {plural(support, 'join')} yet, so the rates are uncertain."
    best, *others = enough
    bought = f"{count(best['buyers'])} of {people(best['joins'])} bought after joining"
    if not others:
        return f"“{named(best['name'])}” is the only form with {plural(support, 'join')} or more: {bought}."
    rivals = [each for each in others if each["conversion_high"] >= best["conversion_low"]]
    if not rivals:
        return f"“{named(best['name'])}” has the highest Conversion Rate of the larger forms: {bought}."
    next_best = f"“{named(rivals[0]['name'])}” ({count(rivals[0]['buyers'])} of {count(rivals[0]['joins'])})"
    return (
        f"No form is clearly the best: “{named(best['name'])}” ({bought}) and {next_best} show no"
        " significant difference."
    )


def _converting(found: Rows) -> Chart:
    bars = [
        {
            "name": each["name"],
            "value": each["conversion_rate"],
            "text": f"{percent(each['conversion_rate'])} · {count(each['buyers'])} of {count(each['joins'])}",
            "joins": each["joins"],
            "buyers": each["buyers"],
            "low": each["conversion_low"],
            "high": each["conversion_high"],
        }
        for each in sorted(found, key=lambda each: (-each["conversion_rate"], -each["joins"], each["id"]))
    ]
    label = "Conversion Rate by form: " + ", ".join(f"{named(bar['name'])} {bar['text']}" for bar in bars[:5]) + "."
    return Chart("bars", label, bars, {"color": "c1", "tips": {"joins": "Joins", "buyers": "Buyers"}}, _RANGE)


def _joining(found: Rows) -> Chart:
    bars = [{"name": each["name"], "value": each["joins"], "text": count(each["joins"])} for each in found]
    label = "Joins by form: " + ", ".join(f"{named(bar['name'])} {bar['text']}" for bar in bars[:5]) + "."
    return Chart("bars", label, bars, {"color": "c1"})
