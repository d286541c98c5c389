"""A worker of a team on a host of its own, which joins the head as docker/workers/README.md says."""

import subprocess

from tests.engine.workers.head import Head
from tests.engine.workers.hosts import Host
from tests.engine.workers.servers import BASE
from tests.engine.workers.team import TITLES

ENVIRONMENT, LINES = "worker.env", "Then type, with `celery` or `edge` for `KIND`:"


class Worker:
    """A worker; it knows nothing but what was brought to it."""

    def __init__(self, host: Host, head: Head):
        self.host, self.head, self._team = host, head, head.team
        lines = self._team.block(LINES.replace("KIND", self._team.kind), "sh").strip().splitlines()
        self._install, self._program = "\n".join(lines[:-2]), f"{lines[-2]}\nuntil {lines[-1]}; do sleep 5; done"
        self._running: subprocess.Popen | None = None

    @property
    def lines(self) -> int:
        """How many lines a person types on the new machine."""
        return len(self._install.splitlines()) + len(self._program.splitlines())

    def join(self) -> None:
        """Bring the files, and type the lines of the page but the last, which starts it."""
        self._team.bring(self.host, self.head.authority, self.head.store["STORE"])
        environment = self._team.block(f"For {TITLES[self._team.kind]}:", "sh")
        (self.host.home / ENVIRONMENT).write_text(environment)
        self._team.install(self.host, self._install)
        self.start()

    def start(self) -> None:
        """Type the last lines; where the worker fails, it is started again, as a service manager does."""
        line = ["bash", "-euc", self._program]
        self._running = self.host.start(line, BASE, self.host.folder / "worker.log")

    def ended(self) -> bool:
        """Whether it runs no more."""
        return self._running is None or self._running.poll() is not None
