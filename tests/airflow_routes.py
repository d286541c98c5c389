"""Every route of Airflow's API server, from its own routers: `python -m tests.airflow_routes` prints them as JSON."""

import json
import re


def routes() -> list[tuple[str, str]]:
    """(method, path) of the REST API, of the UI's and of the tasks' interface; every parameter is `x`."""
    from airflow.api_fastapi.core_api.routes.public import public_router
    from airflow.api_fastapi.core_api.routes.ui import ui_router
    from airflow.api_fastapi.execution_api.routes import execution_api_router

    routers = {"": public_router, "/": ui_router, "/execution": execution_api_router}
    return [
        (method, prefix.rstrip("/") + re.sub(r"\{[^}]*\}", "x", route.path))
        for prefix, router in routers.items()
        for route in router.routes
        for method in sorted(route.methods)
    ]


if __name__ == "__main__":
    print(json.dumps(routes()))
