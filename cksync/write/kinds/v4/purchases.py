"""Purchases through API v4, with OAuth only. A second request would add the products again, so one without an answer
is looked up first."""

from dataclasses import replace

import duckdb

from cksync.addresses import folded
from cksync.api import WritingApi
from cksync.api.http import Call, Reply
from cksync.api.v4.catalog import PURCHASES
from cksync.api.v4.writes import CALLS
from cksync.write.action import Action, Found, Result, Seen, Sought
from cksync.write.kinds import purchases as v3
from cksync.write.kinds.v4.lookup import newest, page_of


def _find(api: WritingApi, sought: Sought, is_last: bool) -> Found:
    wanted = sought.action.args["purchase"]
    new = [
        row
        for row in newest(api, PURCHASES)
        if row["id"] not in sought.known["purchases"] and str(row["transaction_id"]) == str(wanted["transaction_id"])
    ]
    buyer = folded(str(wanted["email_address"]))
    rows = [Result("done", ids={"purchases": row["id"]}) for row in new if folded(str(row["email_address"])) == buyer]
    return Found(rows, "" if rows or not new else "a purchase by another person now has this transaction_id")


def _observe(db: duckdb.DuckDBPyConnection, action: Action, call: Call, reply: Reply) -> Seen:
    return page_of(PURCHASES, call, reply)


CREATE = replace(
    v3.CREATE,
    call=lambda args, _: CALLS.create_purchase(args["purchase"]),
    observe=_observe,
    find=_find,
)
