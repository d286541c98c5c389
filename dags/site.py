"""Where the site's own configuration lies: in WORKFLOW_CONFIG, or in the folder `like_for_like` of Airflow's home."""

import os
from pathlib import Path

from airflow.configuration import AIRFLOW_HOME

from tasks.environment import put_back

FOLDER = "like_for_like"


def surroundings() -> dict[str, str]:
    """This process's environment as a stage sees it; WORKFLOW_CONFIG names the site's folder where there is one."""
    found, folder = put_back(os.environ), Path(AIRFLOW_HOME, FOLDER)
    if not found.get("WORKFLOW_CONFIG") and folder.is_dir():
        found["WORKFLOW_CONFIG"] = str(folder)
    return found
