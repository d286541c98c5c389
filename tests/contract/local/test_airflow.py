"""This machine's Airflow under users as clusters give them."""

import os
import subprocess
import sys

import pytest

from tasks.project import PROJECT
from tests.support.patience import PATIENCE

NOBODY_KNOWN = "1234567"
# A test's files are root's own: this user may read them, and change nothing outside of its folder.
AS_NOBODY_KNOWN = [
    *("setpriv", "--reuid", NOBODY_KNOWN, "--regid", NOBODY_KNOWN, "--clear-groups", "--bounding-set"),
    *("-all,+dac_read_search", "--inh-caps", "-all,+dac_read_search", "--ambient-caps", "+dac_read_search"),
]
PREPARE = """
import os
from tasks.local.airflow import Airflow
from tasks.local.startup import inherited, state_folder
os.umask(0o077)
Airflow(state_folder() / "airflow", 8099, inherited()).prepare()
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_a_user_without_an_entry_in_the_password_file_gets_a_database(tmp_path):
    """`airflow db migrate` and the pool succeed under any number as the user, as OpenShift gives them."""
    state = tmp_path / "state"
    state.mkdir()
    os.chown(state, int(NOBODY_KNOWN), int(NOBODY_KNOWN))
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(0o755)
    line = [*AS_NOBODY_KNOWN, sys.executable, "-c", PREPARE]
    shell = {"PATH": os.environ["PATH"], "LIKE_FOR_LIKE_STATE": str(state)}
    done = subprocess.run(line, cwd=PROJECT, env=shell, capture_output=True, text=True, timeout=PATIENCE, check=False)
    log = state / "airflow" / "logs" / "prepare.log"
    assert done.returncode == 0, done.stderr + (log.read_text() if log.exists() else "")
    assert (state / "airflow" / "airflow.db").stat().st_uid == int(NOBODY_KNOWN)
