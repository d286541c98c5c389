"""The section `[notifications]`: who is told what. What is wrong in it is named, with what was expected."""

import pytest

from tasks.errors import RequestError
from tasks.settings.notifications import OCCASIONS, Channel, Notifications
from tasks.settings.values import parse

TEAM = {"kind": "email", "connection": "team_mail", "to": ["team@example.org"], "on": ["failed"]}
HOOK = {"kind": "webhook", "connection": "team_hook", "on": ["always"]}


def complaint(**section):
    """What is said of a wrong section."""
    with pytest.raises(RequestError) as caught:
        parse(Notifications, section, "site")
    return str(caught.value)


@pytest.mark.parametrize(
    ("channel", "said"),
    [
        (TEAM | {"to": []}, "to: expected one or more addresses"),
        (HOOK | {"to": ["a@b"]}, "to: expected none, as the connection says whom it reaches"),
        (TEAM | {"to": ["team"]}, "expected an address such as team@example.org, received 'team'"),
        (TEAM | {"to": ["a@b.org\r\nBcc: c@d.org"]}, "expected an address such as"),
        (TEAM | {"to": ["A <a@b.org>"]}, "expected an address such as"),
        (TEAM | {"on": []}, "on: expected 1 or more entries"),
        (TEAM | {"on": ["never"]}, "on"),
        (TEAM | {"kind": "mail"}, "kind"),
        (TEAM | {"connection": ""}, "connection: expected 1 to 200 characters"),
        (TEAM | {"password": "hunter2"}, "password"),
    ],
)
def test_a_wrong_channel_is_named(channel, said):
    """Its name stands before what is wrong, and no value of a key named like a secret is repeated."""
    text = complaint(channels={"team": channel})
    assert text.startswith("site: channels.team")
    assert said in text
    assert "hunter2" not in text


@pytest.mark.parametrize(
    ("page", "said"),
    [
        ("airflow.example.org", "expected https:// or http:// and a host"),
        ("ftp://example.org", "expected https:// or http:// and a host"),
        ("https://", "expected https:// or http:// and a host"),
        ("https://me:hunter2@example.org", "expected no user name and no password"),
        ("https://example.org/?token=hunter2", "expected an address that ends with its host or a path"),
        ("https://example.org/#top", "expected an address that ends with its host or a path"),
        ("https://example.org/a b", "expected an address that ends with its host or a path"),
        (f"https://example.org/{'x' * 500}", "at most 500 printable characters"),
    ],
)
def test_a_wrong_page_is_named_without_its_secret(page, said):
    """The links of all messages begin with it, so it holds a server and a path alone."""
    text = complaint(page=page)
    assert text.startswith("site: page: ")
    assert said in text
    assert "hunter2" not in text


def test_links_have_one_slash():
    """A page may be written with a slash at its end, and an installation may have none."""
    assert Notifications(page="https://example.org/airflow/").page == "https://example.org/airflow"
    assert Notifications().page == ""


def test_late_runs_need_somebody_who_is_told():
    """Hours without a channel that hears of them are a mistake."""
    assert "expected a channel with" in complaint(expected_hours=3.0)
    assert "expected a channel with" in complaint(expected_hours=3.0, channels={"team": TEAM})
    late = TEAM | {"on": ["late"]}
    for channel in (HOOK, late):
        assert parse(Notifications, {"expected_hours": 3.0, "channels": {"one": channel}}, "site").expected_hours == 3


@pytest.mark.parametrize("occasion", OCCASIONS)
def test_a_channel_hears_its_own_occasions(occasion):
    """One of an occasion hears that one alone; one of every occasion hears all, and what has none."""
    own = parse(Channel, TEAM | {"on": [occasion]}, "site")
    assert own.hears(occasion)
    assert own.hears() == (occasion == "always")
    assert parse(Channel, HOOK, "site").hears(occasion)
    others = [other for other in OCCASIONS if own.hears(other)]
    assert others == (list(OCCASIONS) if occasion == "always" else [occasion])
