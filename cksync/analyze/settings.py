"""What models read besides the mirror's tables: their settings in one row, and people with a column per field."""

from collections.abc import Collection

import duckdb

from cksync.analyze.model_files import Model
from cksync.config import ModelsConfig
from cksync.custom_fields import PERSON, field_columns, people
from cksync.sqltext import Header, commented, identifier

# Long before Kit, and after the dates that stand for "none" elsewhere (year 1, 1900, 1970).
PLAUSIBLE_FROM = "2000-01-01"

_SETTINGS = {
    "timezone": "Time zone of day boundaries.",
    "attribution_hours": "A purchase is attributed to a touch at most this many hours earlier.",
    "minimum_support": "Smaller groups are not compared.",
    "unsubscribe_alarm": "Flag a broadcast that loses a higher percentage of its recipients.",
    "open_rate_drop_alarm": "Flag an open rate this many percent below normal.",
    "bounce_alarm": "Flag a higher percentage of people who bounced or complained.",
    "as_of": "Time of the newest observation in the mirror, used as the current time by models.",
    "plausible_from": "Models treat earlier times as unknown: nothing in an account is that old.",
    "plausible_to": "Models treat later times as unknown: one day after as_of, to allow for clocks and time zones.",
}
_WIDE = {
    "id": "The person's id.",
    "email_address": "Email address, as entered by the person.",
    "first_name": "The first name; often null.",
    "state": "`active`, `inactive`, `cancelled`, `bounced` or `complained`.",
    "created_at": "When the person joined the account.",
}


def make_settings(db: duckdb.DuckDBPyConnection, settings: ModelsConfig, tables: Collection[str]) -> None:
    """Create `main.model_settings`."""
    seen = [f"select max(valid_from) as seen_at from history.{identifier(name)}" for name in tables]
    seen += ["select max(read_at) from _cksync.slices", "select max(requested_at) from _cksync.requests"]
    db.execute(
        f"""
        create table main.model_settings as
        with newest as (select max(seen_at) as as_of from ({" union all ".join(seen)}))
        select ?::varchar as timezone, ?::bigint as attribution_hours, ?::bigint as minimum_support,
            ?::double as unsubscribe_alarm, ?::double as open_rate_drop_alarm, ?::double as bounce_alarm,
            as_of, timestamptz '{PLAUSIBLE_FROM} 00:00:00+00' as plausible_from,
            as_of + to_hours(24) as plausible_to
        from newest
        """,
        [
            settings.timezone,
            settings.attribution_hours,
            settings.minimum_support,
            settings.unsubscribe_alarm,
            settings.open_rate_drop_alarm,
            settings.bounce_alarm,
        ],
    )
    grain = "One row: the settings of the models, from [models] in config.toml, and their reference time."
    db.execute(commented("table", "main.model_settings", grain, _SETTINGS))


def wide_model(db: duckdb.DuckDBPyConnection) -> Model:
    """Return `subscribers_wide`, a view generated from the list of custom fields."""
    known = db.execute("select id, key, label from main.custom_fields where key is not null order by id").fetchall()
    fields = field_columns([(id_, key) for id_, key, _ in known])
    labels = {field.column: label or field.key for field, (_, _, label) in zip(fields, known, strict=True)}
    grain = "One row per person, with a column for each custom field."
    meanings = {**{name: _WIDE[name] for name in PERSON}, **labels}
    words = {
        "@key": "id",
        "@filter": "state = 'active'",
        "@unknown": "Values of custom fields deleted from the account.",
    }
    made_of = "generated from the custom fields"
    return Model(
        "subscribers_wide",
        people(fields, "subscribers"),
        made_of,
        Header(grain, words, meanings),
        frozenset({"subscribers"}),
    )
