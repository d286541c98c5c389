"""Where a result comes from: the releases, the lock file, the kind of machine."""

import hashlib
import os
import platform
from contextlib import suppress
from importlib import metadata
from pathlib import Path

from tasks.source import PROJECT

LIBRARIES = ("keras", "keras-tuner", "tensorflow-cpu", "tensorflow", "jax", "numpy", "scikit-learn", "scipy", "pandas")


def versions() -> dict[str, str]:
    """The releases that shape a result, as installed here."""
    found = {"python": platform.python_version()}
    for name in LIBRARIES:
        with suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    return found


def lock_digest() -> str | None:
    """SHA-256 of `uv.lock`, or None where the project's file is not at hand (a container image)."""
    lock = PROJECT / "uv.lock"
    return hashlib.sha256(lock.read_bytes()).hexdigest() if lock.exists() else None


def machine() -> dict[str, str]:
    """The kind of machine this is, without its name."""
    return {"system": platform.platform(), "processor": _processor(), "cores": str(cores())}


def _processor() -> str:
    """The model of the CPU where Linux tells it."""
    facts = Path("/proc/cpuinfo")
    lines = facts.read_text(encoding="utf-8").splitlines() if facts.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def cores() -> int:
    """The CPU cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
