"""A person's machine for tests: a folder of their own, tiny data, and the commands that they type."""

import json
import os
import subprocess
import sys

from tasks.request import PROJECT
from tests.tiny_data import make_configuration, make_mirror

MINUTES = 60


class Machine:
    """A person's folder: the workflow's commands are typed here."""

    def __init__(self, folder, **environment):
        self.folder, self.state = folder, folder / "state"
        self.state.mkdir(mode=0o755)  # as set-up leaves it, which keeps its own things there
        self.mirror = make_mirror(folder / "mirror")
        self.environment = os.environ | {
            "LIKE_FOR_LIKE_STATE": str(self.state),
            "WORKFLOW_CONFIG": str(make_configuration(folder / "config")),
            "DATASET_MIRROR": str(self.mirror),
            "PYTHONPATH": str(PROJECT),
            **environment,
        }

    def type(self, *arguments):
        """Run `python -m tasks.local ...`; the exit status and what was printed."""
        line = [sys.executable, "-m", "tasks.local", *arguments]
        place = {"cwd": self.folder, "env": self.environment}
        done = subprocess.run(line, capture_output=True, text=True, timeout=15 * MINUTES, check=False, **place)
        return done.returncode, done.stdout + done.stderr

    def run(self, *arguments):
        """A run of the smoke profile; exit status, output, and the report that `reports/latest` leads to."""
        code, output = self.type("run", "--profile", "smoke", *arguments)
        latest = self.folder / "reports" / "latest"
        assert latest.exists(), output
        return code, output, json.loads((latest / "report.json").read_text())
