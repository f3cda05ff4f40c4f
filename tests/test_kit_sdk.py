"""Which of Kit's own tests may run against the sandbox, and the account that they find there."""

from pathlib import Path

import pytest

from kit_sandbox.details import mailings
from tests.kit_sdk.account import account
from tests.kit_sdk.suite import cases_of, kind_of, settings_of

SETTINGS = """CONVERTKIT_API_BROADCAST_ID="71"
CONVERTKIT_API_CUSTOM_FIELD_ID="72"
CONVERTKIT_API_FORM_ID="73"
CONVERTKIT_API_FORM_ID_2="74"
CONVERTKIT_API_SEQUENCE_ID="75"
CONVERTKIT_API_SEQUENCE_EMAIL_ID="76"
CONVERTKIT_API_TAG_NAME="one"
CONVERTKIT_API_TAG_ID="77"
CONVERTKIT_API_TAG_NAME_2="two"
CONVERTKIT_API_TAG_ID_2="78"
CONVERTKIT_API_SUBSCRIBER_EMAIL="me@example.com"
CONVERTKIT_API_SUBSCRIBER_ID="79"
CONVERTKIT_API_EMAIL_TEMPLATE_ID="80"
CONVERTKIT_API_POST_ID="81"
CONVERTKIT_API_SNIPPET_ID="82"
CONVERTKIT_V4_API_KEY=
"""


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ("$this->api->get_tags();", "reads"),
        ("$this->api->filter_subscribers();", "reads"),
        ("$api->refresh_token('a', 'b');", "reads"),
        ("$this->api->get_tags(); $this->api->create_tag('a');", "writes"),
        ("$this->api->unsubscribe_by_email('a');", "writes"),
        ("$this->mockResponse($api); $this->api->create_tag('a');", "no request"),
        ("$this->api->get_request_headers();", "no request"),
        ("$this->api->get_resource('not-a-url');", "no request"),
        ("$this->api->get_resource($_ENV['URL']);", "page"),
        ("$this->api->get_resource('https://example.com/');", "page"),
        ("$this->markTestSkipped('why');", "skipped by Kit"),
    ],
)
def test_a_test_is_judged_by_what_it_calls(body: str, kind: str) -> None:
    assert kind_of(body) == kind


def test_a_class_has_the_cases_of_the_one_that_it_extends(tmp_path: Path) -> None:
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "BaseTest.php").write_text(
        """<?php
class BaseTest extends TestCase
{
    protected function setUp(): void
    {
        $this->api->delete_tags([1]);
    }

    public function testRead()
    {
        // Unlike $this->api->create_tag('a').
        $this->api->get_tags();
    }

    public function testOther()
    {
        $this->api->get_tags();
    }
}
"""
    )
    (tmp_path / "tests" / "KeyTest.php").write_text(
        """<?php
class KeyTest extends BaseTest
{
    public function testOther()
    {
        $this->api->create_tag('a');
    }
}
"""
    )
    found = {str(each): each.kind for each in cases_of(tmp_path)}
    assert found == {"KeyTest::testRead": "reads", "KeyTest::testOther": "writes"}


def test_the_account_has_the_ids_that_the_settings_name() -> None:
    world = account(settings_of(SETTINGS))
    extras = world.extras
    assert world.subscribers[79].email_address == "me@example.com"
    assert [world.parents["tag"][each].name for each in (77, 78)] == ["one", "two"]
    assert {73, 74} <= set(world.parents["form"])
    assert set(world.rosters["sequence", 75].members) == set(world.subscribers)
    assert extras.sequence_emails[76].sequence_id == 75
    assert (71 in world.broadcasts, 72 in world.custom_fields, 80 in extras.email_templates) == (True, True, True)
    assert extras.snippets[82].archived is False
    assert 81 in [post.id for post in mailings.posts(world)]
