"""The three-way merge as a pure function: actions, noops and conflicts."""

from collections.abc import Mapping, Sequence
from itertools import chain

from hypothesis import given
from hypothesis import strategies as st

from cksync.custom_fields import Field
from cksync.write.action import Action
from cksync.write.diff import diff
from cksync.write.edits import Account, Cell, Edit, Person
from cksync.write.kinds import in_order
from cksync.write.plan import Plan

FIELDS = tuple(Field(n, f"key{n}", f"key{n}") for n in range(23))
COLUMNS = ("first_name", *(field.column for field in FIELDS))
TAGS = (1, 2, 3)
PEOPLE = (10, 11, 12, 13)

Value = st.sampled_from([None, "", "a", "b"])
Values = st.fixed_dictionaries(dict.fromkeys(COLUMNS, Value))
Rows = Mapping[str, str | None]
Members = st.frozensets(st.tuples(st.sampled_from(TAGS), st.sampled_from(PEOPLE)))
Pairs = frozenset[tuple[int, int]]


def account(members: Pairs = frozenset()) -> Account:
    people = {id_: Person(id_, f"{id_}@example.com", "active") for id_ in PEOPLE}
    return Account(
        people=people,
        addresses={person.email_address: person.id for person in people.values()},
        subscribers=1_000,
        tags={tag: f"tag {tag}" for tag in TAGS},
        forms=frozenset(),
        sequences=frozenset(),
        fields=FIELDS,
        labels={field.id: field.key for field in FIELDS},
        memberships=frozenset(("tag", tag, who) for tag, who in members),
        statuses={},
        transactions=frozenset(),
    )


def update(id_: int, base: Rows, mine: Rows, theirs: Rows) -> Edit:
    """Return the edit of a person, as the comparison in SQL returns it: only cells that differ, null like ''."""
    cells = [Cell(c, base[c], mine[c], theirs[c]) for c in COLUMNS if (base[c] or "") != (mine[c] or "")]
    return Edit("subscribers", "update", (id_,), {"id": id_}, tuple(cells), is_there=True)


def memberships(base: Pairs, mine: Pairs) -> list[Edit]:
    """Return the edits that turn `base` into `mine`."""

    def row(tag: int, who: int, id_: int) -> dict[str, object]:
        return {"subscribable_type": "tag", "subscribable_id": tag, "subscriber_id": who, "id": id_}

    new = [row(*pair, -number) for number, pair in enumerate(sorted(mine - base), 1)]
    old = [row(*pair, number) for number, pair in enumerate(sorted(base - mine), 1)]
    return [
        *(
            Edit("subscriptions", "insert", ("tag", each["subscribable_id"], each["subscriber_id"]), each)
            for each in new
        ),
        *(
            Edit("subscriptions", "delete", ("tag", each["subscribable_id"], each["subscriber_id"]), each)
            for each in old
        ),
    ]


def sent(actions: Sequence[Action]) -> dict[str, str]:
    """Return the values that some updates of one person write, by column."""
    values: dict[str, str] = {}
    for action in actions:
        values |= action.args.get("fields", {})
        values |= {name: value for name, value in action.args.items() if name == "first_name"}
    return values


@given(base=Values, mine=Values, theirs=Values)
def test_every_value_is_sent_or_agreed_upon_or_in_conflict(base: Rows, mine: Rows, theirs: Rows) -> None:
    plan = diff([update(10, base, mine, theirs)], [], account())
    wanted, agreed, conflicts = {}, set(), set()
    for column in COLUMNS:
        b, m, t = (rows[column] or "" for rows in (base, mine, theirs))
        if m == b:
            continue
        if m == t:
            agreed.add(column)
        elif t == b:
            wanted[column] = m
        else:
            conflicts.add(column)
    assert sent(plan.actions) == wanted
    assert {cell.column for noop in plan.noops for cell in noop.cells} == agreed
    assert {conflict.cell.column for conflict in plan.conflicts if conflict.cell} == conflicts
    assert all(len(action.args.get("fields", {})) <= 10 for action in plan.actions)
    fields = len(wanted) - ("first_name" in wanted)
    assert len(plan.actions) == max(-(-fields // 10), int(bool(wanted)))


@given(base=Values, mine=Values, theirs=Values)
def test_what_was_pushed_is_nothing_to_push(base: Rows, mine: Rows, theirs: Rows) -> None:
    """In a model of a push, sent values and noops become the base, and conflicts stay."""
    plan = diff([update(10, base, mine, theirs)], [], account())
    written = sent(plan.actions)
    there = {**theirs, **written}
    settled = {*written, *(cell.column for noop in plan.noops for cell in noop.cells)}
    again = diff([update(10, {**base, **{c: mine[c] for c in settled}}, mine, there)], [], account())
    assert (again.actions, again.noops, again.conflicts) == ((), (), plan.conflicts)


@given(base=Members, mine=Members, theirs=Members)
def test_memberships_merge_as_sets(base: Pairs, mine: Pairs, theirs: Pairs) -> None:
    plan = diff(memberships(base, mine), [], account(theirs))
    after = set(theirs)
    for action in plan.actions:
        if action.what == "subscribe":
            pair = (action.args["parent_id"], int(action.target))
            assert pair not in after  # never a request without effect
            after.add(pair)
        else:
            after.remove((action.args["tag_id"], action.args["subscriber_id"]))
    assert after == (theirs - (base - mine)) | (mine - base)
    assert len(plan.actions) + len(plan.noops) == len(mine ^ base)


@given(
    rows=st.lists(st.tuples(Values, Values, Values), max_size=4),
    base=Members,
    mine=Members,
    theirs=Members,
    random=st.randoms(use_true_random=False),
)
def test_plan_depends_on_the_edits_and_not_on_their_order(
    rows: list[tuple[Rows, Rows, Rows]], base: Pairs, mine: Pairs, theirs: Pairs, random: object
) -> None:
    edits = [update(id_, *each) for id_, each in zip(PEOPLE, rows, strict=False)] + memberships(base, mine)
    plan = diff(edits, [], account(theirs))
    shuffled = list(edits)
    random.shuffle(shuffled)  # type: ignore[attr-defined] # a Random
    other = diff(shuffled, [], account(theirs))
    assert {action.id for action in other.actions} == {action.id for action in plan.actions}
    assert len({action.id for action in plan.actions}) == len(plan.actions)
    assert list(plan.actions) == in_order(plan.actions)
    rest = plan.actions[1:]
    skipped = diff(edits, [], account(theirs), skipped={action.id: ("rejected", "no") for action in plan.actions[:1]})
    assert (skipped.actions, len(skipped.skipped)) == (rest, len(plan.actions) - len(rest))
    assert plan.checksum == diff(edits, [], account(theirs)).checksum
    assert (plan.checksum == Plan().checksum) == (not plan.actions)
    settled = chain.from_iterable(action.settles for action in plan.actions)
    assert {table for table, _ in settled} <= {"subscribers", "subscriptions"}
