"""The way back: a workspace to edit, the plan its edits make, and the push that applies it."""

# Tables of a workspace that take edits, and the rules that `--allow` lifts: here, so that the command line need not
# import the rest to name them.
EDITABLE_TABLES = (
    "subscribers",
    "subscriptions",
    "tags",
    "custom_fields",
    "broadcasts",
    "purchases",
    "purchase_products",
)
RULES = ("send", "unsubscribe", "resubscribe", "delete-field", "delete-broadcast", "bulk", "repeat-unknown")
