"""A small file system in memory, which a test can fill to the brim; mounting it needs root."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

MIB = 1024 * 1024


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """48 MiB at `folder`, which is made, during the block.

    Raises:
        PermissionError: this machine does not let us mount it.
    """
    folder.mkdir(parents=True)
    mount = ["mount", "-t", "tmpfs", "-o", "size=48m,mode=700", "tmpfs", str(folder)]
    if os.geteuid() != 0:
        raise PermissionError("mounting a small file system needs root")
    if (refused := subprocess.run(mount, capture_output=True, text=True, check=False)).returncode:
        raise PermissionError(f"no small file system here: {refused.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(folder: Path) -> Path:
    """Take all room that the file system of `folder` has left; the file that does, whose deletion makes room again."""
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as stream:
        for size in (MIB, 4096):
            with suppress(OSError):
                while stream.write(bytes(size)):
                    pass
    return ballast
