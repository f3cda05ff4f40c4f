"""Writes of tags, of members of tags, forms and sequences, and of custom fields through v4."""

from dataclasses import replace
from typing import Literal

import pytest

from kit_sandbox import World, edits
from tests.support.asking import Ask
from tests.support.asking_v4 import AskV4, done, refused

NOT_FOUND = (404, ["Not Found"])
REFERRER = "https://example.com/?utm_source=shop&utm_medium=cpc&utm_campaign=c&utm_term=t&utm_content=x"


@pytest.fixture
def kit(ask: Ask) -> AskV4:
    return AskV4(ask)


@pytest.fixture
def person(world: World) -> int:
    return edits.add_subscriber(world, "ana@example.com", "Ana")


def list_of(world: World, plural: str) -> int:
    make = {"forms": edits.add_form, "tags": edits.add_tag}.get(plural, edits.add_sequence)
    return make(world, "A list")


# -- tags


def test_a_new_tag_is_201(kit: AskV4, world: World) -> None:
    made = done(kit.post("tags", {"name": "News"}), 201)["tag"]
    assert made == kit.rows("tags")[0]
    assert made["name"] == "News"


@pytest.mark.parametrize("name", ["News", "news", " NEWS "])
def test_an_existing_tag_is_200_whatever_its_case(kit: AskV4, world: World, name: str) -> None:
    tag = edits.add_tag(world, "News")
    shown = done(kit.post("tags", {"name": name}))["tag"]
    assert (shown["id"], shown["name"], len(world.parents["tag"])) == (tag, "News", 1)


@pytest.mark.parametrize("name", ["", "  ", None])
def test_a_tag_without_a_name_is_422(kit: AskV4, world: World, name: str | None) -> None:
    tag = edits.add_tag(world, "News")
    for answer in (kit.post("tags", {"name": name}), kit.write("PUT", f"tags/{tag}", name=name)):
        assert refused(answer) == (422, ["Name can't be blank"])


def test_renaming_keeps_the_id_and_the_people(kit: AskV4, world: World, person: int) -> None:
    tag = edits.add_tag(world, "News")
    edits.tag(world, person, tag)
    assert done(kit.write("PUT", f"tags/{tag}", name="Old news"))["tag"]["name"] == "Old news"
    assert kit.ids(f"tags/{tag}/subscribers") == [person]


def test_a_tag_may_change_the_case_of_its_own_name_and_not_take_another(kit: AskV4, world: World) -> None:
    tag, _ = edits.add_tag(world, "News"), edits.add_tag(world, "Other")
    assert done(kit.write("PUT", f"tags/{tag}", name="NEWS"))["tag"]["name"] == "NEWS"
    assert refused(kit.write("PUT", f"tags/{tag}", name="other")) == (422, ["Name has already been taken"])
    assert refused(kit.write("PUT", "tags/1", name="a")) == NOT_FOUND


def test_no_call_deletes_a_single_tag(kit: AskV4, world: World) -> None:
    tag = edits.add_tag(world, "News")
    assert kit.write("DELETE", f"tags/{tag}").status_code == 404
    assert list(world.parents["tag"]) == [tag]


# -- members


@pytest.mark.parametrize("plural", ["tags", "forms", "sequences"])
@pytest.mark.parametrize("by", ["id", "address"])
def test_adding_is_201_and_again_200(kit: AskV4, world: World, person: int, plural: str, by: str) -> None:
    path = f"{plural}/{list_of(world, plural)}/subscribers"
    path, body = (f"{path}/{person}", {}) if by == "id" else (path, {"email_address": "ANA@example.com"})
    first, second = done(kit.post(path, body), 201), done(kit.post(path, body))
    assert first == second
    assert first["subscriber"]["id"] == person


@pytest.mark.parametrize("plural", ["tags", "forms", "sequences"])
def test_the_answer_is_the_row_of_the_list(kit: AskV4, world: World, person: int, plural: str) -> None:
    path = f"{plural}/{list_of(world, plural)}/subscribers"
    made = done(kit.post(f"{path}/{person}", {}), 201)["subscriber"]
    assert kit.rows(path) == [made]
    assert ("tagged_at" in made, "added_at" in made) == (plural == "tags", plural != "tags")


@pytest.mark.parametrize("plural", ["tags", "forms", "sequences"])
def test_the_person_must_exist(kit: AskV4, world: World, plural: str) -> None:
    path = f"{plural}/{list_of(world, plural)}/subscribers"
    assert refused(kit.post(f"{path}/1", {})) == NOT_FOUND
    assert refused(kit.post(path, {"email_address": "ben@example.com"})) == NOT_FOUND
    assert world.subscribers == {}


@pytest.mark.parametrize("plural", ["tags", "forms", "sequences"])
def test_the_list_must_exist(kit: AskV4, world: World, person: int, plural: str) -> None:
    assert refused(kit.post(f"{plural}/1/subscribers/{person}", {})) == NOT_FOUND


@pytest.mark.parametrize(
    ("plural", "purpose"),
    [("tags", "tag subscriber"), ("forms", "add subscriber to form"), ("sequences", "add subscriber to sequence")],
)
def test_without_an_address_it_is_422(kit: AskV4, world: World, plural: str, purpose: str) -> None:
    answer = kit.post(f"{plural}/{list_of(world, plural)}/subscribers", {})
    assert refused(answer) == (422, [f"Either subscriber id or email address is required to {purpose}"])


@pytest.mark.parametrize("by", ["id", "address"])
def test_a_form_keeps_the_referrer_and_its_campaign(kit: AskV4, world: World, person: int, by: str) -> None:
    path, body = f"forms/{edits.add_form(world, 'f')}/subscribers", {"referrer": REFERRER}
    path, body = (f"{path}/{person}", body) if by == "id" else (path, {**body, "email_address": "ana@example.com"})
    made = done(kit.post(path, body), 201)["subscriber"]
    parameters = {"source": "shop", "medium": "cpc", "campaign": "c", "term": "t", "content": "x"}
    assert (made["referrer"], made["referrer_utm_parameters"]) == (REFERRER, parameters)


def test_joining_a_form_again_keeps_the_first_referrer(kit: AskV4, world: World, person: int) -> None:
    form = edits.add_form(world, "f")
    edits.join_form(world, person, form, referrer=REFERRER)
    made = done(kit.post(f"forms/{form}/subscribers/{person}", {"referrer": "https://example.com/"}))
    assert made["subscriber"]["referrer"] == REFERRER


def test_a_form_with_confirmation_waits_for_inactive_people(kit: AskV4, world: World) -> None:
    world.behaviour = replace(world.behaviour, confirm_on=("form",))
    person, form = edits.add_subscriber(world, "b@example.com", state="inactive"), edits.add_form(world, "f")
    done(kit.post(f"forms/{form}/subscribers/{person}", {}), 201)
    assert world.rosters["form", form].members[person].state == "inactive"


@pytest.mark.parametrize("by", ["id", "address"])
def test_an_inactive_sequence_is_422(kit: AskV4, world: World, person: int, by: str) -> None:
    sequence = edits.add_sequence(world, "s")
    edits.edit_sequence(world, sequence, active=False)
    path = f"sequences/{sequence}/subscribers"
    path, body = (f"{path}/{person}", {}) if by == "id" else (path, {"email_address": "ana@example.com"})
    assert refused(kit.post(path, body)) == (422, ["Sequence is inactive"])
    assert world.rosters["sequence", sequence].members == {}


# -- removing tags


def test_a_tag_is_removed_by_id_and_by_address_in_query_or_body(kit: AskV4, world: World, person: int) -> None:
    tag = edits.add_tag(world, "a")
    path = f"tags/{tag}/subscribers"
    for suffix, body in (
        (f"/{person}", {}),
        ("?email_address=ana@example.com", {}),
        ("", {"email_address": "Ana@example.com"}),
    ):
        edits.tag(world, person, tag)
        answer = kit.write("DELETE", path + suffix, **body)
        assert (answer.status_code, answer.content) == (204, b"")
        assert world.rosters["tag", tag].members == {}


@pytest.mark.parametrize("status", [404, 204])
def test_removing_a_tag_that_the_person_does_not_have(
    kit: AskV4, world: World, person: int, status: Literal[404, 204]
) -> None:
    world.behaviour = replace(world.behaviour, v4_untag_absent=status)
    tag = edits.add_tag(world, "a")
    assert kit.write("DELETE", f"tags/{tag}/subscribers/{person}").status_code == status
    answer = kit.write("DELETE", f"tags/{tag}/subscribers", email_address="ana@example.com")
    assert answer.status_code == status


def test_removing_needs_a_tag_a_person_and_an_address(kit: AskV4, world: World, person: int) -> None:
    tag = edits.add_tag(world, "a")
    assert refused(kit.write("DELETE", f"tags/1/subscribers/{person}")) == NOT_FOUND
    assert refused(kit.write("DELETE", f"tags/{tag}/subscribers/1")) == NOT_FOUND
    assert refused(kit.write("DELETE", f"tags/{tag}/subscribers", email_address="b@example.com")) == NOT_FOUND
    text = "Either subscriber id or email address is required to remove tag from subscriber"
    assert refused(kit.write("DELETE", f"tags/{tag}/subscribers")) == (422, [text])


# -- custom fields


def test_a_new_field_is_201_in_a_wrapper(kit: AskV4, world: World) -> None:
    made = done(kit.post("custom_fields", {"label": " Last name "}), 201)["custom_field"]
    assert (made["label"], made["key"]) == ("Last name", "last_name")
    assert kit.rows("custom_fields") == [made]


def test_an_existing_field_is_200(kit: AskV4, world: World) -> None:
    field = edits.add_custom_field(world, "City")
    assert done(kit.post("custom_fields", {"label": "City"}))["custom_field"]["id"] == field
    assert list(world.custom_fields) == [field]


def test_a_label_whose_key_is_taken_is_422(kit: AskV4, world: World) -> None:
    edits.add_custom_field(world, "Last name")
    assert refused(kit.post("custom_fields", {"label": "Last Name"})) == (422, ["Label has already been taken"])


@pytest.mark.parametrize("label", ["", " ", None, "日本"])
def test_a_field_without_a_label_is_422(kit: AskV4, world: World, label: str | None) -> None:
    field = edits.add_custom_field(world, "City")
    for answer in (
        kit.post("custom_fields", {"label": label}),
        kit.write("PUT", f"custom_fields/{field}", label=label),
    ):
        assert refused(answer) == (422, ["Label can't be blank"])


def test_renaming_a_field_changes_the_key_and_not_the_name(kit: AskV4, world: World) -> None:
    field = edits.add_custom_field(world, "City")
    name = world.custom_fields[field].name
    shown = done(kit.write("PUT", f"custom_fields/{field}", label="Home town"))["custom_field"]
    assert shown == {"id": field, "name": name, "key": "home_town", "label": "Home town"}


def test_a_field_may_not_take_the_label_of_another(kit: AskV4, world: World) -> None:
    field, _ = edits.add_custom_field(world, "City"), edits.add_custom_field(world, "Town")
    for label in ("Town", "town"):
        answer = kit.write("PUT", f"custom_fields/{field}", label=label)
        assert refused(answer) == (422, ["Label has already been taken"])


def test_deleting_a_field_takes_its_values(kit: AskV4, world: World) -> None:
    field = edits.add_custom_field(world, "City")
    person = edits.add_subscriber(world, "ana@example.com", fields={"city": "Rome"})
    done(kit.write("DELETE", f"custom_fields/{field}"), 204)
    assert kit.json(f"subscribers/{person}")["subscriber"]["fields"] == {}


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_an_unknown_field_is_404(kit: AskV4, method: str) -> None:
    assert refused(kit.write(method, "custom_fields/1", label="a")) == NOT_FOUND


def test_the_141st_field_is_422(kit: AskV4, world: World) -> None:
    for number in range(140):
        edits.add_custom_field(world, f"f{number}")
    assert kit.post("custom_fields", {"label": "one more"}).status_code == 422
