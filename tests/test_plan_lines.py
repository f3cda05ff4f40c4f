"""A plan as a person reads it: names beside ids, signs, and a question that cannot be answered by accident."""

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from cksync.cli.plan_lines import mark
from cksync.write.kinds import KINDS
from kit_sandbox import Sandbox, World
from tests.conftest import Command, some
from tests.support.pseudo_terminal import all_shown
from tests.support.workspace import Work, actives, first, work, world

__all__ = ["first", "work", "world"]  # fixtures

SIGNS = {
    "create broadcast": "+",
    "update broadcast": "~",
    "delete broadcast": "-",
    "create field": "+",
    "rename field": "~",
    "delete field": "-",
    "subscribe": "+",
    "untag": "-",
    "create person": "+",
    "update person": "~",
    "unsubscribe": "-",
    "create purchase": "+",
    "create tag": "+",
}


def test_every_kind_has_its_sign() -> None:
    assert {name: mark(name) for name in SIGNS} == SIGNS
    assert SIGNS.keys() <= KINDS.keys()


def called(world: World, id_: int) -> str:
    """Return a person's name and address on one line."""
    person = world.subscribers[id_]
    name = " ".join((person.first_name or "").split())
    return f"{name} <{person.email_address}>" if name else person.email_address


def test_people_tags_and_values_have_names(work: Work, cksync: Command, world: World) -> None:
    one, two, three = actives(work, 3)
    tag = min(world.parents["tag"])
    work.edit(
        f"update subscribers set first_name = 'Zed' where id = {one}",
        f"update subscribers set state = 'cancelled' where id = {two}",
        f"delete from subscriptions where subscribable_type = 'tag' and subscribable_id = {tag}",
        "insert into tags (name) values ('Bought it')",
        f"insert into subscriptions (subscribable_type, subscribable_id, subscriber_id)"
        f" select 'tag', (select id from tags where id < 0), {three}",
    )
    shown = cksync("diff", str(work.path), "--limit", "1").stdout
    assert f"  ~ {called(world, one)} ({one})\n      first_name  " in shown
    assert "-> 'Zed'" in shown
    assert f"  - {called(world, two)} ({two})" in shown
    assert "+ create tag: 1\n  + Bought it (new)\n" in shown
    assert '  to tag "Bought it" (new): 1\n' in shown
    assert f'  from tag "{world.parents["tag"][tag].name.strip()}" ({tag}): ' in shown
    assert "more; --limit " in shown
    assert "1 to change, " in shown.splitlines()[-1]


def test_names_are_hidden_when_redacted(work: Work, cksync: Command, world: World) -> None:
    (one,) = actives(work, 1)
    work.edit(f"update subscribers set first_name = 'Zed' where id = {one}")
    shown = cksync("diff", str(work.path), "--redact").stdout
    assert f"  ~ {one}\n" in shown
    assert not any(word in shown for word in ("Zed", world.subscribers[one].email_address))


@pytest.mark.parametrize("typed", some([b"y\n", b"\n"], [b"y\n"]), ids=["before the question", "only enter"])
def test_question_takes_no_answer_that_was_typed_before_it_or_none(
    typed: bytes, work: Work, environ: dict[str, str], tmp_path: Path, sandbox: Sandbox
) -> None:
    """A `y` that waits in the terminal was meant for something else, and the answer that counts by default is no."""
    (one,) = actives(work, 1)
    work.edit(f"update subscribers set first_name = 'Zed' where id = {one}")
    sandbox.journal.clear()
    outer, inner = pty.openpty()
    if typed == b"y\n":
        os.write(outer, typed)
    with subprocess.Popen(
        [sys.executable, "-m", "cksync", "push", str(work.path)],
        cwd=tmp_path,
        env={**environ, "TERM": "xterm"},
        stdin=inner,
        stdout=inner,
        stderr=inner,
    ) as process:
        os.close(inner)
        shown = b""
        while b"[y/N]" not in shown:
            shown += os.read(outer, 65536)
        os.write(outer, b"\n")
        shown += all_shown(outer)
    assert process.returncode == 4
    assert b"nothing was written: the plan was not confirmed; the edits stay in" in shown.replace(b"\r\n", b" ")
    assert shown.index(b"to change: ") < shown.index(b"[y/N]")
    assert {each.method for each in sandbox.journal} == {"GET"}
