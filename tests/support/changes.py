"""Changes of an account that a pull must find."""

from kit_sandbox import World, edits, expected_mirror


def change_everything(world: World) -> None:
    """Make one edit of every kind."""
    people = [key for key, row in expected_mirror(world).subscribers.items() if row["state"] == "active"]
    gone = [key for key, row in expected_mirror(world).subscribers.items() if row["state"] == "cancelled"]
    edits.cancel(world, people[0])
    edits.bounce(world, people[1])
    edits.complain(world, people[2])
    edits.delete_subscriber(world, people[3])
    edits.delete_subscriber(world, gone[0])
    edits.reactivate(world, gone[1])
    edits.set_email(world, people[4], "Moved+Again@Example.COM")
    edits.set_first_name(world, people[5], "Ünïcode 🎉")
    new = edits.add_subscriber(world, "new@example.com", "New")
    tags = list(expected_mirror(world).tags)
    edits.tag(world, new, tags[0])
    for kind, tag, _ in list(expected_mirror(world).memberships):
        if kind == "tag" and tag == tags[1]:
            edits.untag(world, expected_mirror(world).memberships[kind, tag, _]["subscriber_id"], tag)
            break
    edits.rename_tag(world, tags[2], "Renamed")
    edits.delete_tag(world, tags[3])
    fields = list(expected_mirror(world).custom_fields)
    edits.rename_custom_field(world, fields[0], "Surname")
    edits.delete_custom_field(world, fields[1])
    edits.archive_form(world, next(iter(expected_mirror(world).forms)))
    broadcasts = list(expected_mirror(world).broadcasts)
    edits.delete_broadcast(world, broadcasts[0])
    edits.grow_stats(world, broadcasts[-1])
    edits.add_purchase(world, "new@example.com", total=12.5)
