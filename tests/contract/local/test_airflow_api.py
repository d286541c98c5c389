"""The client of Airflow's API, against a server that answers as Airflow 3.3.2 was seen to."""

import json

import pytest

from tasks.local import airflow_api
from tasks.local.airflow import AirflowError
from tasks.local.airflow_api import AirflowApi
from tests.support.http_server import answer, in_turn, server

LOCKED = {"reason": "Database error", "statement": "hidden", "orig_error": "hidden", "message": "Serious error"}


@pytest.fixture(autouse=True)
def no_rest(monkeypatch):
    monkeypatch.setattr(airflow_api, "RESTS", (0.0, 0.0))


def says(status, body):
    return lambda handler: answer(handler, json.dumps(body).encode(), status)


def heard(asked, respond):
    """`respond`, with the path of every request kept in `asked`."""

    def also(handler):
        asked.append(handler.path)
        respond(handler)

    return also


def triggered(*answers):
    """What was asked for to start a run at a server that answers so after the login."""
    asked = []
    with server(heard(asked, in_turn(says(201, {"access_token": "token"}), *answers))) as url:
        AirflowApi(url, "password").trigger("a-run", {})
    return asked


def test_what_a_locked_database_refused_is_asked_for_again():
    """Airflow's own requests lock its SQLite database for seconds: a person who starts a run does not notice."""
    locked = says(500, {"detail": LOCKED})
    asked = triggered(locked, locked, says(200, {}))
    assert asked == ["/auth/token", *["/api/v2/dags/compare_image_models/dagRuns"] * 3]


def test_a_database_that_stays_locked_is_told():
    """It is not asked for ever; the message is Airflow's."""
    with pytest.raises(AirflowError, match="Database error"):
        triggered(says(500, {"detail": LOCKED}))


@pytest.mark.parametrize("status", [409, 422, 500])
def test_any_other_refusal_is_told_at_once(status):
    """A name that is taken, a wrong value, a bug: to ask again would not help."""
    with pytest.raises(AirflowError, match=f"answered {status}: .*no"):
        triggered(says(status, {"detail": "no"}), says(200, {}))
