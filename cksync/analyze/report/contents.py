"""The sections in order: the question of each, its definitions, and the models it reads."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import duckdb

from cksync.analyze.report.broadcasts import broadcasts
from cksync.analyze.report.components import SectionContent
from cksync.analyze.report.customers import customers
from cksync.analyze.report.freshness import sync
from cksync.analyze.report.growth import churn, growth
from cksync.analyze.report.health import cohorts, health
from cksync.analyze.report.money import revenue
from cksync.analyze.report.periods import Period
from cksync.analyze.report.readers import engagement, sources
from cksync.analyze.report.sequences import sequences
from cksync.analyze.report.tags_and_forms import forms, tags


@dataclass(frozen=True, slots=True)
class Section:
    """A question; `definition` explains its terms, `models` are what it reads."""

    name: str
    title: str
    question: str
    definition: str
    models: tuple[str, ...]
    answer: Callable[[duckdb.DuckDBPyConnection, Sequence[Period]], SectionContent]


SECTIONS = (
    Section(
        "growth",
        "Growth",
        "Is the list growing?",
        "New Leads are people who joined in the period, whatever their state now. Lost are active people who cancelled,"
        " bounced, complained or were deleted. Net is the people who became active minus the people who stopped being"
        " active.",
        ("list_growth_daily", "audience_snapshot"),
        growth,
    ),
    Section(
        "churn",
        "Churn",
        "Who leaves?",
        "Churn rate: people who cancelled in the month / active people at its start. A change without a date in"
        " Kit counts on the day of the pull that found it.",
        ("churn_monthly",),
        churn,
    ),
    Section(
        "health",
        "Health",
        "How healthy is the list?",
        "State is the subscriber state in Kit; only active people receive email.",
        ("list_health",),
        health,
    ),
    Section(
        "engagement",
        "Engagement",
        "Who still reads?",
        "Cold people, as Kit defines them, opened and clicked nothing for 90 days; people who joined 30 to 89 days"
        " ago, nothing for 30. Emails that a machine opens count as opened.",
        ("subscriber_engagement", "reengagement_candidates"),
        engagement,
    ),
    Section(
        "sources",
        "Sources",
        "Where do people come from?",
        "A source is the utm_source or the site that a person came from, else how the person joined. Still active:"
        " active people / New Leads. Cold: cold people / active people known to be cold or not.",
        ("list_quality_by_source", "geography"),
        sources,
    ),
    Section(
        "cohorts",
        "Cohorts",
        "Do people stay?",
        "A cohort is everyone who joined in one month. The band is the 95 % confidence interval of the share, given the"
        " size of the group.",
        ("cohort_retention",),
        cohorts,
    ),
    Section(
        "broadcasts",
        "Broadcasts",
        "How do the broadcasts perform?",
        "Open rate and click rate are shares of the recipients. Months are weighted by recipients. Reach: recipients of"
        " a broadcast / active people. A broadcast stands out when its rate is at least one standard deviation away"
        " from that of the ten before it, and the difference is statistically significant (Wilson, 95 %).",
        ("broadcast_performance", "engagement_trend", "deliverability_watch", "link_performance"),
        broadcasts,
    ),
    Section(
        "sequences",
        "Sequences",
        "Do sequences hold people?",
        "Bought: of people who entered at least 30 days ago, those with an order within 30 days of entering. Reach:"
        " recipients of an email / recipients of the sequence's first; people who entered lately have not received the"
        " later ones yet.",
        ("sequence_funnel", "sequence_email_performance"),
        sequences,
    ),
    Section(
        "tags",
        "Tags",
        "Which tags go together?",
        "Lift: how much more often two tags are on the same person than expected by chance; 1 means no more often. The"
        " range is the confidence interval for groups of this size (Wilson, 95 %).",
        ("tag_overlap",),
        tags,
    ),
    Section(
        "forms",
        "Lead magnets",
        "Which lead magnets bring buyers?",
        "Conversion Rate: New Buyers / joins, where a buyer is a person who ordered after joining. Signup Value:"
        " revenue / joins. A person in several forms counts in each. The range is the confidence interval of the rate"
        " (Wilson, 95 %).",
        ("lead_magnet_conversion", "lead_magnet_revenue"),
        forms,
    ),
    Section(
        "revenue",
        "Revenue",
        "Where does the revenue come from?",
        "Revenue is the total of counted orders after discount, without tax and shipping. AOV (average order value):"
        " revenue / orders. Orders with an unknown amount are left out of both. New Lead Value: all-time revenue from"
        " the people of a source / people. Currencies are never added together.",
        ("revenue_daily", "revenue_by_product", "ltv_by_source", "revenue_by_source"),
        revenue,
    ),
    Section(
        "customers",
        "Customers",
        "Who buys, and when?",
        "Segments: champions bought again within 90 days and are in the upper two fifths by revenue; loyal bought again"
        " within 180 days; at risk bought again, longer ago; new, waning and lost bought once: within 90 days, within"
        " 180 days, longer ago. Currencies are never added together.",
        ("customer_value", "velocity"),
        customers,
    ),
    Section(
        "sync",
        "Sync",
        "Can these numbers be trusted?",
        (
            "A list is complete when as many different rows were read as the account counts; broadcasts and"
            " purchases, which it does not count, when they were read to the end."
        ),
        ("sync_health", "audience_snapshot"),
        sync,
    ),
)
