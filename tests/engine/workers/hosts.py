"""Machines within this one, as root on Linux: each has its own network, loopback, disk, clock of processes and name.

The kernel separates them: `ip netns` makes a network for each, and bubblewrap the rest. A host reads this machine's
programs, and of its files sees those in its own folder alone. A bridge joins the hosts, which know each other by name.
One may stand behind a router that translates addresses (NAT): it reaches the others, and they cannot reach it.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.patience import PATIENCE

TOOLS = {"bwrap": "bubblewrap", "ip": "iproute2", "iptables": "iptables"}
PREFIX = "lfl-"  # of every network and cable that is made here
BRIDGE, NETWORK, GATEWAY = "lfl-bridge", "10.83.0.0/24", "10.83.0.1"
INSIDE, ROUTER = "10.84.0.2", "10.84.0.1"  # of a host behind NAT, and of its router on that side
PROGRAMS = ("/usr", "/bin", "/sbin", "/lib", "/lib64", "/etc", "/opt")
HOME = Path("/home/airflow")


def lacking() -> str:
    """What this machine lacks to have hosts in it; empty where it has all."""
    if os.geteuid() != 0:
        return "expected root, for networks of their own"
    if packages := [package for program, package in TOOLS.items() if not shutil.which(program)]:
        return f"expected {', '.join(packages)}; `apt-get install {' '.join(packages)}` installs it"
    return ""


@dataclass(frozen=True)
class Host:
    """One of the machines. `folder` is its disk: what lies in `home` on this machine is in HOME on the host."""

    name: str
    address: str
    folder: Path
    _started: list[subprocess.Popen] = field(default_factory=list)

    @property
    def home(self) -> Path:
        """Where its home lies on this machine."""
        return self.folder / "home"

    def start(
        self, line: Sequence[str | Path], environment: Mapping[str, str], log: Path, *, readable: Sequence[Path] = ()
    ) -> subprocess.Popen:
        """Start a program there, which also reads the folders `readable`; what it says goes to `log`."""
        command = self._on(line, ("--ro-bind", readable))
        with log.open("ab") as out:
            process = subprocess.Popen(command, env=dict(environment), stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        self._started.append(process)
        return process

    def type(self, block: str, environment: Mapping[str, str], *, shared: Sequence[Path] = ()) -> str:
        """Run a block of shell lines there, which may write to the folders `shared`; what it printed."""
        print(f"{self.name}$ {block.strip()}", flush=True)
        line = self._on(["bash", "-euo", "pipefail", "-c", block], ("--bind", shared))
        done = subprocess.run(
            line,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=4 * PATIENCE,
        )
        said = f"{done.stdout[-4000:]}\n{done.stderr[-6000:]}"
        assert done.returncode == 0, f"{self.name}: exit code {done.returncode}\n{block}\n{said}"
        return done.stdout

    def power_off(self) -> None:
        """End all that runs there at once, without a word, as a power cut does."""
        self.end(*self._started)

    def end(self, *processes: subprocess.Popen) -> None:
        """Kill programs that were started there, with all their children."""
        for process in processes:
            # The child dies with it, and is the first process of its own: the kernel ends the others with that.
            process.kill()
            process.wait()
            self._started.remove(process)

    def stop(self, process: subprocess.Popen) -> None:
        """Ask a program that was started there to end, and wait until it has."""
        process.send_signal(signal.SIGTERM)
        process.wait(PATIENCE)
        self._started.remove(process)

    @contextmanager
    def unplugged(self) -> Iterator[None]:
        """No cable leads to the host during the block: what is sent to or from it is lost, and nobody is told."""
        _run("ip", "link", "set", f"{PREFIX}{self.name}", "down")
        try:
            yield
        finally:
            _run("ip", "link", "set", f"{PREFIX}{self.name}", "up")

    def _on(self, line: Sequence[str | Path], more: tuple[str, Sequence[Path]] = ("--bind", ())) -> list[str]:
        """The line that runs `line` on the host, with more folders at their own paths."""
        # What bubblewrap makes by itself, only root may enter.
        disk = (
            ("--perms", "0755", "--dir", HOME.parent),
            ("--bind", self.home, HOME),
            ("--bind", self.folder / "tmp", "/tmp"),
        )
        machine = (("--ro-bind-try", path, path) for path in (*PROGRAMS, sys.base_prefix))
        names = (("--ro-bind", self.folder / "hosts", "/etc/hosts"), ("--proc", "/proc"), ("--dev", "/dev"))
        others = ((more[0], path, path) for path in more[1])
        mounts = [str(word) for mount in (*machine, *disk, *names, *others) for word in mount]
        apart = ["--unshare-pid", "--unshare-uts", "--unshare-ipc", "--hostname", self.name, "--die-with-parent"]
        sandbox = ["bwrap", *apart, *mounts, "--cap-add", "ALL", "--chdir", str(HOME)]
        return ["ip", "netns", "exec", f"{PREFIX}{self.name}", *sandbox, *map(str, line)]


@contextmanager
def hosts(folder: Path, names: Sequence[str], *, behind_nat: str | None = None) -> Iterator[dict[str, Host]]:
    """The machines of these names during the block, and one more behind NAT where it has a name."""
    addresses = {name: f"10.83.0.{10 + number}" for number, name in enumerate(names)}
    made = {name: Host(name, address, folder / name) for name, address in addresses.items()}
    if behind_nat:
        made[behind_nat] = Host(behind_nat, INSIDE, folder / behind_nat)
    _remove_all()
    try:
        _make_bridge()
        for name, address in addresses.items():
            _connect(name, f"{address}/24", GATEWAY, BRIDGE)
        if behind_nat:
            _make_router(behind_nat)
        for host in made.values():
            _make_disk(host, addresses)
        yield made
    finally:
        for host in made.values():
            host.power_off()
        _remove_all()


def _make_disk(host: Host, addresses: Mapping[str, str]) -> None:
    for name in ("home", "tmp"):
        (host.folder / name).mkdir(parents=True)
    lines = ["127.0.0.1 localhost", *(f"{address} {name}" for name, address in addresses.items())]
    (host.folder / "hosts").write_text("\n".join(lines) + "\n")


def _make_bridge() -> None:
    """The network of the hosts, and the way out of it, which leads to the package index."""
    _run("ip", "link", "add", BRIDGE, "type", "bridge")
    _run("ip", "address", "add", f"{GATEWAY}/24", "dev", BRIDGE)
    _run("ip", "link", "set", BRIDGE, "up")
    Path("/proc/sys/net/ipv4/ip_forward").write_text("1")
    for rule in _rules():
        _run("iptables", *rule[:2], "--insert", *rule[2:])


def _rules() -> list[tuple[str, ...]]:
    """Table, chain and rule of what this machine passes on for the hosts."""
    return [
        ("--table", "nat", "POSTROUTING", "--source", NETWORK, "!", "--out-interface", BRIDGE, "--jump", "MASQUERADE"),
        ("--table", "filter", "FORWARD", "--in-interface", BRIDGE, "--jump", "ACCEPT"),
        ("--table", "filter", "FORWARD", "--out-interface", BRIDGE, "--jump", "ACCEPT"),
    ]


def _connect(name: str, address: str, gateway: str, bridge: str) -> None:
    """A network for `name`, with a cable to a bridge of this machine."""
    space, cable = f"{PREFIX}{name}", f"{PREFIX}{name}"
    _run("ip", "netns", "add", space)
    _run("ip", "link", "add", cable, "type", "veth", "peer", "name", "eth0", "netns", space)
    _run("ip", "link", "set", cable, "master", bridge, "up")
    _configure(space, "eth0", address)
    _run("ip", "-n", space, "route", "add", "default", "via", gateway)


def _make_router(inside: str) -> None:
    """A router on the bridge, and behind it the network of one host, of which nobody else knows the way."""
    _connect("router", "10.83.0.2/24", GATEWAY, BRIDGE)
    router, space = f"{PREFIX}router", f"{PREFIX}{inside}"
    _run("ip", "netns", "add", space)
    _run("ip", "-n", router, "link", "add", space, "type", "veth", "peer", "name", "eth0", "netns", space)
    _configure(router, space, f"{ROUTER}/24")
    _configure(space, "eth0", f"{INSIDE}/24")
    _run("ip", "-n", space, "route", "add", "default", "via", ROUTER)
    _run("ip", "netns", "exec", router, "sysctl", "--quiet", "--write", "net.ipv4.ip_forward=1")
    translate = ("--append", "POSTROUTING", "--out-interface", "eth0", "--jump", "MASQUERADE")
    _run("ip", "netns", "exec", router, "iptables", "--table", "nat", *translate)


def _configure(space: str, interface: str, address: str) -> None:
    _run("ip", "-n", space, "link", "set", "lo", "up")
    _run("ip", "-n", space, "address", "add", address, "dev", interface)
    _run("ip", "-n", space, "link", "set", interface, "up")


def _remove_all() -> None:
    """Remove what was made here, by tests that were killed, too."""
    # The cables first: a network that is deleted gives its own back only after a while.
    for what in ("link", "netns"):
        listed = subprocess.run(["ip", "-json", what, "show"], capture_output=True, text=True, check=True).stdout
        for each in json.loads(listed or "[]"):
            if (name := each.get("ifname") or each["name"]).startswith(PREFIX):
                _run("ip", what, "delete", name)
    for rule in _rules():
        while not subprocess.run(
            ["iptables", *rule[:2], "--delete", *rule[2:]], capture_output=True, check=False
        ).returncode:
            pass


def _run(*line: str) -> None:
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(line)}: {done.stderr.strip()}"
