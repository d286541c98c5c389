"""The reports in Airflow's UI, for who may see the DAG: `/reports/RUN` and `/reports/history`, each with a tab.

They are files of the store. Whoever opens one is logged in to Airflow, so no page gets scripts, and a report no origin:
nothing written into a report can act as the person who reads it.
"""

import mimetypes
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from airflow.plugins_manager import AirflowPlugin

from dags.stage_command import RunnerError
from dags.store_access import stored
from tasks.settings.request import slug
from tasks.settings.workflow import DAG_ID, HISTORY_PAGE, REPORT_PAGES, report_key

FILES = ("report.html", "report.json", "report.md", "report.csv", "explore.ipynb")
OF_A_DATASET = re.compile(r"[a-z][a-z0-9_]*\.(html|json)", re.ASCII)  # of many: tasks/report/documents.py
POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)
HEADERS = {
    "Content-Security-Policy": f"sandbox allow-downloads allow-popups; {POLICY}",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
# The history links to reports, and a browser sends the login along only with a link of a page that has our origin.
# That is all it can do with it: no script runs in this page either.
HISTORY_HEADERS = HEADERS | {"Content-Security-Policy": f"sandbox allow-same-origin; {POLICY}"}


class ReportPage:
    """An ASGI application that builds itself at the first request: only the web server pays for FastAPI's import."""

    def __init__(self) -> None:
        self._app: Any = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request."""
        self._app = self._app or application()
        await self._app(scope, receive, send)


def application() -> Any:
    """`/RUN`, `/RUN/FILE`, `/RUN/datasets/FILE` and `/history`, for those who may read the DAG."""
    from airflow.api_fastapi.core_api.security import requires_access_dag
    from fastapi import Depends, FastAPI, HTTPException, Response
    from fastapi.responses import RedirectResponse

    allowed = Depends(requires_access_dag(method="GET", param_dag_id=DAG_ID))
    app = FastAPI(title="Comparison reports", docs_url=None, redoc_url=None, openapi_url=None)

    def served(key: str | None, otherwise: str, headers: Mapping[str, str] = HEADERS) -> Response:
        try:
            body = stored(key) if key else None
        except RunnerError as error:
            raise HTTPException(503, str(error)) from error
        if body is None:
            raise HTTPException(404, otherwise)
        return Response(body, media_type=mimetypes.guess_type(str(key))[0] or "text/plain", headers=headers)

    @app.get("/history", dependencies=[allowed])  # first: another path of one part is a run
    def history() -> Response:
        missing = "There is no history yet: it appears when the first report is done."
        return served(HISTORY_PAGE, missing, HISTORY_HEADERS)

    @app.get("/{run}", dependencies=[allowed])
    def whole(run: str) -> Response:
        return RedirectResponse(f"{quote(run, safe='')}/report.html")  # so that its links to datasets lead there

    @app.get("/{run}/{name}", dependencies=[allowed])
    def page(run: str, name: str) -> Response:
        missing = f"Run {run} has no {name}, or not yet: it appears when the report task is done."
        return served(report_key(slug(run), name) if name in FILES else None, missing)

    @app.get("/{run}/datasets/{name}", dependencies=[allowed])
    def of_a_dataset(run: str, name: str) -> Response:
        missing = f"Run {run} has no {name}, or not yet: it appears when all of the dataset is done."
        return served(report_key(slug(run), f"datasets/{name}") if OF_A_DATASET.fullmatch(name) else None, missing)

    return app


class ReportPlugin(AirflowPlugin):
    """What Airflow finds in this file."""

    name = "comparison_report"
    fastapi_apps = [{"app": ReportPage(), "url_prefix": REPORT_PAGES, "name": "Comparison reports"}]  # noqa: RUF012
    external_views = [  # noqa: RUF012
        {
            "name": "Comparison report",
            "href": f"{REPORT_PAGES}/{{RUN_ID}}",
            "destination": "dag_run",
            "url_route": "comparison-report",
        },
        {
            "name": "History of reports",
            "href": f"{REPORT_PAGES}/history",
            "destination": "dag",
            "url_route": "comparison-history",
        },
    ]
