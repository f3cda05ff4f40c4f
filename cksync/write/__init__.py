"""Write back to the account: a workspace to edit, the plan of its edits, and the push that applies it."""

# The tables of a workspace that take edits, and the rules that `--allow` lifts. Defined here so that the command line
# can name them without importing the rest.
EDITABLE_TABLES = (
    "subscribers",
    "subscriptions",
    "tags",
    "custom_fields",
    "broadcasts",
    "purchases",
    "purchase_products",
)
RULES = (
    *("send", "unsubscribe", "resubscribe", "delete-field", "delete-broadcast", "delete-tag", "bulk"),
    "repeat-unknown",
)
