"""One OpenStack Swift node on loopback: its four servers, and the supervisor that starts and ends them.

The node has its own process: Swift imports eventlet, which no other process of the project may import.
"""

import ctypes
import fcntl
import json
import logging
import os
import signal
import socket
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TextIO

from tasks.environment import NO_AWS_FILES, lead_to
from tasks.local.patience import Patience, Signs, StalledError
from tasks.local.private_file import write_private
from tasks.local.swift.configuration import ACCOUNT, BACK_ENDS, USER, configure, kept_secrets
from tasks.storage.contract import StoreError

BUCKET = "like-for-like"
PORT = 19020  # the proxy's port, if it is free
REGION = "us-east-1"
READ_SECONDS = 120  # for one answer; the whole start is limited by whether anything moves
STOP_SECONDS = 5
LOCK_SECONDS = 2
SIGNALS = (signal.SIGTERM, signal.SIGINT)
PR_SET_PDEATHSIG = 1  # https://man7.org/linux/man-pages/man2/pr_set_pdeathsig.2const.html


def serve(folder: Path, parent: int | None) -> None:
    """Serve the data in `folder` until a signal comes, or until our parent is no longer the process `parent`.

    Raises:
        StoreError: the node cannot start, or one of its servers ended.
    """
    _check(folder)
    for number in SIGNALS:
        signal.signal(number, lambda *_: sys.exit(0))
    os.umask(0o077)
    lock = _lock(folder)  # the servers inherit it, so it is released when the last of them ends
    connection = folder / "connection.json"
    connection.unlink(missing_ok=True)
    _import_swift()
    node = _Node(folder)
    try:
        node.start()
        node.watch(parent, on_ready=lambda: write_private(connection, json.dumps(node.connection, indent=1)))
    finally:
        connection.unlink(missing_ok=True)
        node.stop()
        os.close(lock)


def _check(folder: Path) -> None:
    if sys.platform != "linux":
        raise StoreError(f"Swift runs on Linux only, and this is {sys.platform}")
    if {"%", "#"} & {*str(folder)}:  # these characters have a meaning in Swift's configuration files
        raise StoreError(f"{folder}: Swift cannot use a folder with '%' or '#' in its path; name another")
    probe = folder / "probe"
    probe.touch()
    try:
        os.setxattr(probe, "user.swift.metadata", b"x" * 1024)
    except OSError as error:
        raise StoreError(
            f"{folder}: Swift needs user extended attributes, which this file system refuses ({error.strerror}); "
            "name a folder on ext4, xfs or btrfs"
        ) from None
    finally:
        probe.unlink()


def _lock(folder: Path) -> int:
    """Lock the folder for this process. The servers of a killed supervisor get LOCK_SECONDS to end."""
    lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    for _ in range(LOCK_SECONDS * 10):
        with suppress(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return lock
        time.sleep(0.1)
    raise StoreError(f"{folder}: another server runs on this folder; stop it first (make down)")


def _import_swift() -> None:
    """Import the modules of all servers once, before the servers are forked."""
    os.environ["EVENTLET_NO_GREENDNS"] = "yes"  # loopback needs no resolver, which takes half of the import's time
    try:
        import swift.account.server
        import swift.common.middleware.s3api.s3api
        import swift.container.server
        import swift.obj.server
        import swift.proxy.server  # noqa: F401
    except ImportError as error:
        raise StoreError(f"Swift is not installed ({error}); run `uv sync --group store`") from None


class _Node:
    """The processes of one node, which are children of this process."""

    def __init__(self, folder: Path):
        self._folder = folder
        self._children: dict[int, str] = {}

    def start(self) -> None:
        """Start the servers, and a short-lived child that creates the bucket once they answer."""
        listeners = {name: _listener(0) for name in BACK_ENDS} | {"proxy": _listener(PORT)}
        ports = {name: listener.getsockname()[1] for name, listener in listeners.items()}
        kept = kept_secrets(self._folder)
        settings = configure(self._folder, kept, ports)
        self.connection = _connection(ports["proxy"], kept["secret_key"])
        for name, listener in listeners.items():
            self._fork(name, partial(_run_server, name, settings, listener))
        self._fork("bucket", partial(_create_bucket, self.connection["environment"]))

    def watch(self, parent: int | None, on_ready: Callable[[], None]) -> None:
        """Return when `parent` is gone. Call `on_ready` when the bucket is there.

        A server that ends is an error, and so is a start that does not move.
        """
        start = Patience("the object store's bucket", Signs.of(os.getpid()), self._folder / "server.log")
        while parent is None or os.getppid() == parent:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid:
                name, code = self._children.pop(pid), os.waitstatus_to_exitcode(status)
                if (name, code) != ("bucket", 0):
                    raise StoreError(f"its {name} process ended with status {code}; the log says why")
                on_ready()
            if "bucket" in self._children.values():
                with _complaining():
                    start.check()
            time.sleep(0.05)

    def stop(self) -> None:
        """Stop every child: SIGTERM first, then SIGKILL."""
        for number in SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        for pid in self._children:
            os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + STOP_SECONDS
        while self._children and time.monotonic() < deadline:
            pid, _ = os.waitpid(-1, os.WNOHANG)
            self._children.pop(pid, None)
            time.sleep(0.01)
        for pid in self._children:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)

    def _fork(self, name: str, work: Callable[[], None]) -> None:
        """Run `work` in a child. Signals are blocked meanwhile, so that each process handles only its own."""
        supervisor = os.getpid()
        signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
        pid = os.fork()
        if pid:
            self._children[pid] = name
            signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
            return
        code = 1
        try:
            _follow(supervisor)
            work()
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)


@contextmanager
def _complaining() -> Iterator[None]:
    try:
        yield
    except StalledError as error:
        raise StoreError(str(error)) from None


def _follow(supervisor: int) -> None:
    """End this process when the supervisor ends, however it ends, and leave Ctrl-C to the supervisor."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != supervisor:
        os._exit(1)


def _listener(port: int) -> socket.socket:
    """A listening socket on loopback, at `port`, or at any free port when that one is busy."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        listener.bind(("127.0.0.1", port))
    except OSError:
        listener.bind(("127.0.0.1", 0))
    listener.listen(1024)
    return listener


def _connection(port: int, secret_key: str) -> dict:
    """The settings for clients. The region has two names, since boto3 and other SDKs read different ones."""
    environment = {
        "AWS_ENDPOINT_URL_S3": f"http://127.0.0.1:{port}",
        "AWS_ACCESS_KEY_ID": f"{ACCOUNT}:{USER}",
        "AWS_SECRET_ACCESS_KEY": secret_key,
        "AWS_SESSION_TOKEN": "",
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        **NO_AWS_FILES,
    }
    return {"uri": f"s3://{BUCKET}", "pid": os.getpid(), "environment": environment}


def _run_server(name: str, settings: Path, listener: socket.socket) -> None:
    """Run one of Swift's servers in this process, on a socket that is bound already."""
    from eventlet.greenio import GreenSocket
    from swift.common import wsgi
    from swift.common.utils import logs
    from swift.obj.diskfile import BaseDiskFileManager

    sys.stderr = _Log(sys.stderr)
    # Swift leaves objects that could not be listed to an updater, and none runs here. So the client must get an error.
    BaseDiskFileManager.pickle_async_update = _refuse
    # Swift can only log to the machine's syslog; this node logs to the standard error of its supervisor.
    logs.ThreadSafeSysLogHandler = lambda **_: logging.StreamHandler()
    # run_wsgi() would bind the port itself, and change the user.
    conf, logger, shared, _ = wsgi.check_config(str(settings / f"{name}.conf"), f"{name}-server")
    wsgi.run_server(conf, logger, GreenSocket(listener), global_conf=shared)


class _Log:
    """The log. It is on the same disk as the data: when that is full, a line is lost, but the server goes on.

    Without this, an error of the log would end the server: Eventlet prints exceptions in places where nobody catches
    the errors of `print`.
    """

    def __init__(self, stream: TextIO):
        self._stream = stream

    def write(self, text: str) -> int:
        with suppress(OSError):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with suppress(OSError):
            self._stream.flush()


def _refuse(*_update: object) -> None:
    raise OSError("the container server did not list the object; its disk may be full")


def _create_bucket(environment: dict[str, str]) -> None:
    """Create the bucket unless it exists. When this returns, the servers answer."""
    from boto3.session import Session
    from botocore.config import Config

    lead_to(os.environ, environment)
    client = Session().client("s3", config=Config(proxies={}, read_timeout=READ_SECONDS))
    with suppress(client.exceptions.BucketAlreadyOwnedByYou, client.exceptions.BucketAlreadyExists):
        client.create_bucket(Bucket=BUCKET)
