"""The sections in order: the question of each, its definitions, and the models it reads."""

from collections.abc import Callable
from dataclasses import dataclass

import duckdb

from cksync.analyze.report.broadcasts import broadcasts
from cksync.analyze.report.components import SectionContent
from cksync.analyze.report.freshness import sync
from cksync.analyze.report.growth import churn, growth
from cksync.analyze.report.health import cohorts, health
from cksync.analyze.report.money import revenue
from cksync.analyze.report.tags_and_forms import forms, tags


@dataclass(frozen=True, slots=True)
class Section:
    """A question; `definition` explains its terms, `models` are what it reads."""

    name: str
    title: str
    question: str
    definition: str
    models: tuple[str, ...]
    answer: Callable[[duckdb.DuckDBPyConnection], SectionContent]


SECTIONS = (
    Section(
        "growth",
        "Growth",
        "Is the list growing?",
        "New Leads are people who joined in the period, whatever became of them. Lost are active people who were seen"
        " to have cancelled, bounced, complained or gone. Net is who became active less who ceased to be.",
        ("list_growth_daily", "audience_snapshot"),
        growth,
    ),
    Section(
        "churn",
        "Churn",
        "Who leaves?",
        "Churn rate: people who cancelled in the month / active people when it began. Each counts for the day of the"
        " pull that saw it.",
        ("churn_monthly",),
        churn,
    ),
    Section(
        "health",
        "Health",
        "How healthy is the list?",
        "The state is the one Kit gives to a person; only active people get mail.",
        ("list_health",),
        health,
    ),
    Section(
        "cohorts",
        "Cohorts",
        "Do people stay?",
        "A cohort is everybody who joined in one month. The band is what its share may be by chance in a group of its"
        " size.",
        ("cohort_retention",),
        cohorts,
    ),
    Section(
        "broadcasts",
        "Broadcasts",
        "How do the broadcasts do?",
        "Open rate and click rate are shares of the recipients. Months are weighted by recipients. Reach: recipients of"
        " a send / active people. A broadcast stands out when its rate is a standard deviation or more away from that"
        " of the ten before it, and by more than chance may make of so many recipients (Wilson, 95 %).",
        ("broadcast_performance", "engagement_trend", "deliverability_watch"),
        broadcasts,
    ),
    Section(
        "tags",
        "Tags",
        "Which tags go together?",
        "Lift: how many times as often two tags are on the same person as chance would have it; 1 is chance. The range"
        " is what it may be by chance in groups of this size (Wilson, 95 %).",
        ("tag_overlap",),
        tags,
    ),
    Section(
        "forms",
        "Lead magnets",
        "Which lead magnets bring buyers?",
        "Conversion Rate: New Buyers / joins, a buyer being somebody who ordered after joining. Signup Value: revenue /"
        " joins. Somebody in several forms counts in each. The range is what the rate may be by chance with so many"
        " joins (Wilson, 95 %).",
        ("lead_magnet_conversion", "lead_magnet_revenue"),
        forms,
    ),
    Section(
        "revenue",
        "Revenue",
        "What earns the money?",
        "Revenue is what counted orders came to after discount, without tax and shipping. AOV: revenue / orders. Orders"
        " whose amount is not known are in no revenue and no AOV. New Lead Value: all revenue ever from the people of a"
        " source / people. Currencies are never added up.",
        ("revenue_daily", "revenue_by_product", "ltv_by_source", "revenue_by_source"),
        revenue,
    ),
    Section(
        "sync",
        "Sync",
        "Can these numbers be trusted?",
        "A list is vouched for when as many different rows were read as the account counts; broadcasts and purchases,"
        " which it does not count, when they were read to the end.",
        ("sync_health", "audience_snapshot"),
        sync,
    ),
)
