"""Known vulnerabilities among the locked packages: `python -m tests.audit UV [OPTION ...]`, which `make audit` calls.

uv itself asks the vulnerability service (https://docs.astral.sh/uv/reference/cli/#uv-audit). Exit status: 0 nothing is
known, or the service could not be asked, which is said loudly; 1 something is known, or the audit itself failed.
"""

import subprocess
import sys
import tomllib
from datetime import UTC, date, datetime
from typing import Any

from tasks.project import PROJECT

AWAY = ("error sending request", "HTTP status server error", "operation timed out")
NOT_AUDITED = """\
**********************************************************************
  NOT AUDITED: the vulnerability service could not be asked.
  Nothing is known of the locked packages until `make audit` can ask it.
**********************************************************************"""


def main(uv: str, *options: str) -> int:
    """Audit the lock; the exit status."""
    accepted, problems = exceptions(PROJECT / "pyproject.toml", datetime.now(UTC).date())
    for problem in problems:
        print(problem)
    ignored = [option for identifier in accepted for option in ("--ignore", identifier)]
    line = [uv, "audit", "--frozen", "--preview-features", "audit-command", *ignored, *options]
    done = subprocess.run(line, cwd=PROJECT, capture_output=True, text=True, check=False)
    print(done.stdout + done.stderr, end="")
    if done.returncode not in (0, 1) and any(sign in done.stderr for sign in AWAY):
        print(NOT_AUDITED)
        return bool(problems)
    return int(bool(problems) or done.returncode != 0)


def exceptions(pyproject: Any, today: date) -> tuple[list[str], list[str]]:
    """The vulnerabilities that are accepted today, and what is wrong with the others."""
    listed = tomllib.loads(pyproject.read_text(encoding="utf-8"))["tool"]["like-for-like"]["accepted-vulnerabilities"]
    past = [entry for entry in listed if entry["until"] < today]
    problems = [f"{entry['id']}: accepted until {entry['until']}: {entry['reason']}; look again" for entry in past]
    return [entry["id"] for entry in listed if entry not in past and entry["reason"].strip()], problems


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
