"""Which report is the latest: that of the run that was planned last, whoever finishes when."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor

from tasks.runs.order import LATEST, publish, run_number
from tasks.settings.request import Parameters
from tasks.stages.plan import Machine, plan
from tasks.stages.report import report
from tests.support.patience import PATIENCE
from tests.support.tiny_data import make_configuration


def latest(store):
    return json.loads(store.read(LATEST))


def test_a_late_report_of_an_older_run_does_not_become_the_latest(stores, tmp_path):
    """The report stage of an old run that ends after a newer run's leaves `latest.json` as it is."""
    config = make_configuration(tmp_path / "config")
    params = Parameters(profile="smoke").model_dump_json()
    requests = [plan(stores, run, parameters=params, config=config, machine=Machine()) for run in ("r2", "r1")]
    for request in reversed(requests):
        report(request, stores)
        assert latest(stores) == {"run": "r1", "status": "partial"}
    assert stores.exists("reports/r2/report.json")


def test_a_run_keeps_its_number_and_shares_it_with_none(stores):
    """Runs that are planned at once, some of them twice, get numbers of their own, and keep them."""
    runs = [f"r{number}" for number in range(6)] * 2
    with ThreadPoolExecutor(12) as pool:
        numbers = list(pool.map(lambda run: run_number(stores, run), runs))
    assert len({*zip(runs, numbers, strict=True)}) == len({*numbers}) == 6
    assert run_number(stores, "r0") == numbers[0]
    assert run_number(stores, "later") > max(numbers)


def test_reports_that_are_published_at_once_leave_the_newest(stores, monkeypatch):
    """The older of two runs, held up after it found itself the newest, writes last and still does not have the word."""
    run_number(stores, "old")
    run_number(stores, "new")
    write, held, let_go = type(stores).write, threading.Event(), threading.Event()

    def hold_up(self, key, data, **options):
        if key == LATEST and b"old" in data and not held.is_set():
            held.set()
            assert let_go.wait(PATIENCE)
        return write(self, key, data, **options)

    monkeypatch.setattr(type(stores), "write", hold_up)
    with ThreadPoolExecutor(1) as pool:
        late = pool.submit(publish, stores, "old", "complete")
        assert held.wait(PATIENCE)
        publish(stores, "new", "complete")
        let_go.set()
        late.result()
    assert latest(stores)["run"] == "new"


def test_a_run_may_publish_again(stores):
    """A report that was partial and is made again says what it is now."""
    publish(stores, "r1", "partial")
    publish(stores, "r1", "complete")
    assert latest(stores) == {"run": "r1", "status": "complete"}
