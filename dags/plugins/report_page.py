"""The report in Airflow's UI: `/reports/RUN` for who may see the DAG, and a tab of that name on every run.

A report is a file of the store. Whoever opens it is logged in to Airflow, so the page gets no scripts and no origin of
its own: nothing written into a report can act as the person who reads it.
"""

import mimetypes
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from airflow.plugins_manager import AirflowPlugin

from dags.portability import named_place
from dags.stage_command import RunnerError
from dags.store_access import proxies, store_environment
from tasks.settings.request import slug
from tasks.settings.workflow import DAG_ID, REPORT_PAGES, report_key

FILES = ("report.html", "report.json", "report.md", "report.csv")
HEADERS = {
    "Content-Security-Policy": "sandbox allow-downloads allow-popups; default-src 'none'; "
    "style-src 'unsafe-inline'; img-src data:; font-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'self'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


class ReportPage:
    """An ASGI application that builds itself at the first request: only the web server pays for FastAPI's import."""

    def __init__(self) -> None:
        self._app: Any = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request."""
        self._app = self._app or application()
        await self._app(scope, receive, send)


def application() -> Any:
    """`/RUN` and `/RUN/FILE`, for those who may read the DAG."""
    from airflow.api_fastapi.core_api.security import requires_access_dag
    from fastapi import Depends, FastAPI, HTTPException, Response

    allowed = Depends(requires_access_dag(method="GET", param_dag_id=DAG_ID))
    app = FastAPI(title="Comparison reports", docs_url=None, redoc_url=None, openapi_url=None)

    @app.get("/{run}", dependencies=[allowed])
    @app.get("/{run}/{name}", dependencies=[allowed])
    def page(run: str, name: str = "report.html") -> Response:
        try:
            body = stored(report_key(slug(run), name)) if name in FILES else None
        except RunnerError as error:
            raise HTTPException(503, str(error)) from error
        if body is None:
            raise HTTPException(404, f"Run {run} has no {name}, or not yet: it appears when the report task is done.")
        return Response(body, media_type=mimetypes.guess_type(name)[0] or "text/plain", headers=HEADERS)

    return app


def stored(key: str) -> bytes | None:
    """What the store holds under `key`, or None.

    The few lines of `tasks.storage` that a reader needs: the UI does not depend on the stages' code.

    Raises:
        RunnerError: no store is named, its address is wrong, or its connection is not there.
    """
    environment = store_environment()
    if not environment.get("STORE"):
        raise RunnerError("STORE: expected s3://bucket/prefix or file:///folder, found neither it nor `store`")
    place = named_place(environment["STORE"])
    if isinstance(place, Path):
        path = place / key
        return path.read_bytes() if path.is_file() else None
    client = s3_client(environment)
    try:
        answer = client.get_object(Bucket=place.name, Key=f"{place.prefix}/{key}".lstrip("/"))
    except client.exceptions.NoSuchKey:
        return None
    return answer["Body"].read()


def s3_client(environment: Mapping[str, str]) -> Any:
    """A client that goes where `environment` leads; what that does not say, boto3 finds out as everywhere."""
    import boto3
    from botocore.config import Config

    # A server of one's own is asked for /bucket/key: its certificate and name need not know the bucket's.
    own = environment.get("AWS_ENDPOINT_URL_S3") or environment.get("AWS_ENDPOINT_URL")
    host = urlsplit(own).hostname if own else "s3.amazonaws.com"
    return boto3.client(
        "s3",
        endpoint_url=own,
        region_name=environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION"),
        aws_access_key_id=environment.get("AWS_ACCESS_KEY_ID"),
        aws_secret_access_key=environment.get("AWS_SECRET_ACCESS_KEY"),
        aws_session_token=environment.get("AWS_SESSION_TOKEN"),
        verify=environment.get("AWS_CA_BUNDLE") or environment.get("REQUESTS_CA_BUNDLE"),
        config=Config(
            s3={"addressing_style": "path" if own else "auto"},
            proxies=proxies(environment, host or ""),
        ),
    )


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
        }
    ]
