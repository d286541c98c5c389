"""What every command says, on a stream that cannot say everything."""

import os
import subprocess
import sys

from tasks.project import PROJECT

STREAMS = {"PYTHONIOENCODING": "ascii:strict", "PYTHONUTF8": "0"}
# The end of a run as a person sees it: a table with a frame, a deviation, a path that is theirs.
RUN = """
import sys
from rich.table import Table
from tasks.local import __main__ as command_line

def work(options, console):
    table = Table("dataset", "accuracy")
    table.add_row("Łódź", "59.75 % ± 0.28")
    console.print(table)
    print("report: /home/łukasz/reports → latest")
    return 0

command_line._command = work
sys.exit(command_line.main(["up"]))
"""


def ended(*line, **environment):
    """How a command ended on such streams, and all that it said."""
    given = os.environ | STREAMS | environment
    done = subprocess.run([sys.executable, *line], cwd=PROJECT, env=given, capture_output=True, check=False)
    return done.returncode, (done.stdout + done.stderr).decode("ascii")


def test_a_run_that_succeeded_says_so_on_any_stream():
    """No character of the last lines ends it; what the stream lacks is an escape."""
    code, said = ended("-c", RUN)
    assert (code, "\\u0142ukasz" in said, "59.75 % \\xb1 0.28" in said) == (0, True, True), said


def test_a_complaint_is_said_on_any_stream(tmp_path):
    """An error keeps its exit code and its one line, whatever characters it names."""
    folder = tmp_path / "łódź → latest"
    folder.mkdir()
    code, said = ended("-m", "tasks", "verify", str(folder))
    assert (code, "Traceback" in said, "\\u2192 latest" in said) == (65, False, True), said


def test_what_is_said_can_go_to_a_file(tmp_path):
    """A person who keeps the log of a stage in a file gets its whole log, in order."""
    with (tmp_path / "log").open("wb") as log:
        line = [sys.executable, "-m", "tasks", "fetch", "--run", "r"]
        done = subprocess.run(
            line, cwd=PROJECT, env=os.environ | {"STORE": "nowhere"}, stdout=log, stderr=log, check=False
        )
    said = (tmp_path / "log").read_text()
    assert (done.returncode, "fetch: STORE: expected" in said) == (64, True), said
