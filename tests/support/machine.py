"""A person's machine for tests: a folder of their own, tiny data, and the commands that they type."""

import json
import os
import subprocess
import sys
from contextlib import suppress

import psutil

from tasks.project import PROJECT
from tests.support.patience import PATIENCE
from tests.support.tiny_data import make_configuration, make_mirror

# The text of a site.toml: nothing starts by the clock, and what starts is small.
SMALL_RUNS = """
orchestration.schedule = ""
orchestration.scheduled_profile = "smoke"
profiles.smoke.search = { trials = 1, shards = 1 }
profiles.smoke.training.replicates = 1
"""


def stand_in_python(folder, script):
    """An executable in place of the stages' Python; `script` may name {folder}, and {python} that does the work."""
    path = folder / "python"
    path.write_text(script.format(folder=folder, python=sys.executable))
    path.chmod(0o755)
    return str(path)


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

    @classmethod
    def of_a_site(cls, folder, site, script):
        """A machine with the text `site` as its site.toml, and a stand-in in place of the stages' Python."""
        machine = cls(folder, STAGE_PYTHON=stand_in_python(folder, script))
        (folder / "config" / "site.toml").write_text(site)
        return machine

    def begin(self, *arguments, output=subprocess.PIPE):
        """Start `python -m tasks.local ...`; the process, which says all to `output`."""
        line = [sys.executable, "-m", "tasks.local", *arguments]
        place = {"cwd": self.folder, "env": self.environment, "text": True}
        return subprocess.Popen(line, stdout=output, stderr=subprocess.STDOUT, **place)

    def type(self, *arguments):
        """Run `python -m tasks.local ...`; the exit status and what was printed."""
        with self.begin(*arguments) as process:
            try:
                output, _ = process.communicate(timeout=2 * PATIENCE)
            except BaseException:
                process.kill()
                raise
        return process.returncode, output

    def run(self, *arguments):
        """A run of the smoke profile; exit status, output, and the report that `reports/latest` leads to."""
        code, output = self.type("run", "--profile", "smoke", *arguments)
        assert (self.folder / "reports" / "latest").exists(), output
        return code, output, self.report()

    def report(self):
        """The newest report that came home."""
        return json.loads((self.folder / "reports" / "latest" / "report.json").read_text())

    def processes(self):
        """All that runs of this machine: the command, the server, Airflow, the stages, the object store."""
        found = []
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                if process.environ().get("LIKE_FOR_LIKE_STATE") == str(self.state):
                    found.append(process)
        return found


def title(process):
    """The command line of a process as `airflow api-server`; empty when it is gone."""
    with suppress(psutil.Error):
        return " ".join(process.cmdline()).replace("_", "-")
    return ""
