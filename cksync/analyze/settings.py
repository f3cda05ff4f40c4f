"""What models read besides the mirror's tables: their settings in one row, and people with a column per field."""

from collections.abc import Collection

import duckdb

from cksync.analyze.model_files import Model
from cksync.config import ModelsConfig
from cksync.custom_fields import PERSON, field_columns, people
from cksync.sqltext import Header, comments, identifier

# Long before Kit, and after the dates that stand for "none" elsewhere (year 1, 1900, 1970).
PLAUSIBLE_FROM = "2000-01-01"

_SETTINGS = {
    "timezone": "The zone of day boundaries.",
    "attribution_hours": "A purchase counts for a touch at most so many hours before it.",
    "minimum_support": "Groups of fewer people are too small to be compared.",
    "unsubscribe_alarm": "A broadcast that loses more percent of its recipients stands out.",
    "open_rate_drop_alarm": "An open rate more percent below the usual stands out.",
    "bounce_alarm": "A share of bounced and complained people above so many percent stands out.",
    "as_of": "When the newest observation of the mirror was made: the models' now.",
    "plausible_from": "Models read an earlier time as unknown: nothing in an account is so old.",
    "plausible_to": "Models read a later time as unknown: a day after as_of, for clocks and zones differ.",
}
_WIDE = {
    "id": "The person's id.",
    "email_address": "The address, as written by the person.",
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
    grain = "One row: the settings of the models, from [models] in config.toml, and the time they speak of."
    db.execute(comments("table", "main.model_settings", grain, _SETTINGS))


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
        "@unknown": "Values of fields that are gone from the account.",
    }
    made_of = "made of the list of custom fields"
    return Model(
        "subscribers_wide",
        people(fields, "subscribers"),
        made_of,
        Header(grain, words, meanings),
        frozenset({"subscribers"}),
    )
