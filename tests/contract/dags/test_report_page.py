"""The report in Airflow's UI: no page of it acts as the person who reads it."""

import pytest

from tests.support.browser import loaded, needs_browser
from tests.support.http_server import answer, server
from tests.support.lazy import Lazy

report_page = Lazy("dags.plugins.report_page")
store_access = Lazy("dags.store_access")

EVIL = "<!doctype html><html><body><script>document.documentElement.dataset.owned=1</script></body></html>"


@needs_browser
@pytest.mark.parametrize("page", ["HEADERS", "HISTORY_HEADERS"])
def test_the_headers_alone_let_no_script_run(tmp_path, page):
    """Whatever the store holds under a page's name, a browser that got it from the UI runs none of it."""
    headers: dict[str, str] = {}
    with server(lambda handler: answer(handler, EVIL.encode(), Content_Type="text/html", **headers)) as address:
        assert "data-owned" in loaded(address, tmp_path)
        headers |= {name.replace("-", "_"): value for name, value in getattr(report_page, page).items()}
        assert "data-owned" not in loaded(address, tmp_path)


@pytest.fixture
def client(tmp_path, monkeypatch):
    """The application without Airflow's login, over a store with one report, a history, and one secret beside it."""
    names = ("report.html", "datasets/flowers.html", "secret.txt", "datasets/flowers.txt")
    for name in (*(f"reports/r/{name}" for name in names), "reports/history.html", "secret.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(f"content of {name}")
    monkeypatch.setenv("STORE", tmp_path.as_uri())
    app = report_page.application()
    for route in app.routes:
        for dependency in getattr(route, "dependant", app).dependencies:
            app.dependency_overrides[dependency.call] = lambda: None
    return Lazy("fastapi.testclient").TestClient(app)


def test_a_report_is_served_with_its_policy(client):
    """The page arrives under the headers that the browser test is about."""
    answer = client.get("/r")
    assert (answer.status_code, answer.text) == (200, "content of reports/r/report.html")
    assert answer.headers.items() >= {name.lower(): value for name, value in report_page.HEADERS.items()}.items()


def test_the_page_of_a_dataset_is_where_the_report_of_many_leads(client):
    """The report of a run is at `RUN/report.html`, however it was asked for, so its links hold."""
    report = client.get("/r")
    assert report.url.path == "/r/report.html"
    page = client.get(str(report.url.join("datasets/flowers.html")))
    assert (page.status_code, page.text) == (200, "content of reports/r/datasets/flowers.html")
    assert page.headers.items() >= {name.lower(): value for name, value in report_page.HEADERS.items()}.items()


@pytest.mark.parametrize("name", ["flowers.txt", "none.html", "..%2Fsecret.txt", "Flowers.html"])
def test_nothing_else_of_the_folder_of_datasets_is_served(client, name):
    """Pages and comparisons of datasets alone."""
    assert client.get(f"/r/datasets/{name}").status_code == 404


def test_the_history_is_served_where_its_links_lead_to_reports(client):
    """`/history` is a page, not a run, and a link `RUN/report.html` in it leads to that run's report."""
    answer = client.get("/history")
    assert (answer.status_code, answer.text) == (200, "content of reports/history.html")
    assert answer.headers["content-type"].startswith("text/html")
    headers = report_page.HISTORY_HEADERS
    assert answer.headers.items() >= {name.lower(): value for name, value in headers.items()}.items()
    assert client.get("/r/report.html").text == "content of reports/r/report.html"


def test_a_store_without_a_history_says_when_there_will_be_one(client, tmp_path):
    """Before the first report the tab says so, with 404."""
    (tmp_path / "reports/history.html").unlink()
    answer = client.get("/history")
    assert answer.status_code == 404
    assert "first report" in answer.text


def test_both_pages_have_a_tab():
    """The report stands beside a run, and the history beside the DAG."""
    views = {view["destination"]: view["href"] for view in report_page.ReportPlugin.external_views}
    assert views == {"dag_run": "/reports/{RUN_ID}", "dag": "/reports/history"}


OTHERS = ["/r/secret.txt", "/%2e%2e/secret.txt", "/../secret.txt", "/r/..%2fsecret.txt", "/..%2f..%2fsecret.txt", "/x"]


@pytest.mark.parametrize("path", OTHERS)
def test_no_other_object_is_served(client, path):
    """Five names of a run's folder, and no way out of it."""
    answer = client.get(path)
    assert answer.status_code == 404
    assert "content of" not in answer.text


@pytest.mark.parametrize("name", ["HTTP_PROXY", "FOR_STAGES_http_proxy"])
def test_a_report_is_fetched_through_the_persons_proxy(monkeypatch, name):
    """The bucket is reached as a stage reaches it, also where Airflow's process sees no proxy under its name."""
    asked = []

    def respond(handler):
        asked.append(handler.path)
        answer(handler, b"the report")

    with server(respond) as proxy:
        for variable, value in (
            (name, proxy),
            ("STORE", "s3://bucket/prefix"),
            ("AWS_ENDPOINT_URL_S3", "http://s3.example.invalid"),
            ("AWS_ACCESS_KEY_ID", "x"),
            ("AWS_SECRET_ACCESS_KEY", "x"),
        ):
            monkeypatch.setenv(variable, value)
        assert store_access.stored("reports/r/report.html") == b"the report"
    assert asked == ["http://s3.example.invalid/bucket/prefix/reports/r/report.html"]


@pytest.mark.parametrize("is_there", [True, False])
def test_what_is_denied_because_it_is_missing_is_missing(monkeypatch, is_there):
    """Ceph denies a missing object to whoever may list only below a prefix: a listing tells the two apart."""
    listed = "<Contents><Key>prefix/reports/latest.json</Key></Contents>" if is_there else ""

    def respond(handler):
        if "list-type" in handler.path:
            answer(handler, f"<?xml version='1.0'?><ListBucketResult>{listed}</ListBucketResult>".encode())
        else:
            answer(handler, b"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>", 403)

    with server(respond) as address:
        for variable, value in (
            ("STORE", "s3://bucket/prefix"),
            ("AWS_ENDPOINT_URL_S3", address),
            ("AWS_ACCESS_KEY_ID", "x"),
            ("AWS_SECRET_ACCESS_KEY", "x"),
        ):
            monkeypatch.setenv(variable, value)
        if is_there:
            with pytest.raises(Exception, match="AccessDenied"):
                store_access.stored("reports/latest.json")
        else:
            assert store_access.stored("reports/latest.json") is None


@pytest.mark.parametrize(
    ("exceptions", "found"),
    [("", {"https": "http://b"}), ("[::1],fd00::/8", {"https": "http://b"}), ("example.org", {}), ("*", {})],
)
def test_proxies_are_those_of_the_environment(exceptions, found):
    """Small letters go before capitals, an exception before both, and an entry of IPv6 does no harm."""
    environment = {"HTTPS_PROXY": "http://a", "https_proxy": "http://b", "ALL_PROXY": "socks5://c"}
    assert store_access.proxies(environment | {"NO_PROXY": exceptions}, "s3.example.org") == found
