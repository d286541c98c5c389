"""Every route of Airflow's API server, from the application itself; `python -m tests.support.airflow_routes`."""

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any


def routes() -> set[tuple[str, str]]:
    """(method, path) of all that the server answers, every parameter `x`; the page of a plugin hides its own routes."""
    from airflow.api_fastapi.app import create_app
    from airflow.api_fastapi.execution_api.routes import execution_api_router

    # The tasks' interface has versions, which keep its routes out of the application's own list.
    tasks = _walked(execution_api_router.routes, "/execution")
    return {(method, re.sub(r"\{[^}]*\}", "x", path)) for method, path in [*_walked(create_app("all").routes), *tasks]}


def _walked(found: Iterable[Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """The routes, those of mounted applications too; a folder of static files has none."""
    for route in found:
        path = prefix + route.path
        yield from ((method, path) for method in sorted(getattr(route, "methods", None) or ()))
        yield from _walked(getattr(route, "routes", None) or (), path)


if __name__ == "__main__":
    print(json.dumps(sorted(routes())))
