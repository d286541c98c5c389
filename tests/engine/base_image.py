"""A base image from Debian's packages, where no registry can be reached: `python -m tests.engine.base_image TAG`.

It stands in for python:3.11-slim-bookworm, which the Dockerfiles name: the same Debian with its own Python 3.11. It
carries this machine's certificates, so that packages install where the network looks into what it passes on.
Needs root, debootstrap and a Docker engine.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

SUITE, ARCHIVE = "bookworm", "http://deb.debian.org/debian"
PACKAGES = "python3,python3-venv,ca-certificates"
CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"


def exists(tag: str) -> bool:
    """Whether the engine has the image already."""
    return subprocess.run(["docker", "image", "inspect", tag], capture_output=True, check=False).returncode == 0


def make(tag: str) -> None:
    """Bootstrap a minimal Debian and import it as an image."""
    with tempfile.TemporaryDirectory(prefix="base-image-") as folder:
        root = Path(folder, "root")
        bootstrap = ["debootstrap", "--variant=minbase", f"--include={PACKAGES}", SUITE, str(root), ARCHIVE]
        subprocess.run(bootstrap, check=True, stdout=subprocess.DEVNULL)
        # As in the official image.
        (root / "usr/local/bin/python").symlink_to("/usr/bin/python3")
        for package in (root / "var/cache/apt/archives").glob("*.deb"):
            package.unlink()
        shutil.copy(CERTIFICATES, root / CERTIFICATES.lstrip("/"))
        archive = subprocess.Popen(["tar", "-C", str(root), "-c", "."], stdout=subprocess.PIPE)
        change = f"ENV SSL_CERT_FILE={CERTIFICATES} PIP_CERT={CERTIFICATES}"
        command = ["docker", "import", "--change", change, "-", tag]
        subprocess.run(command, stdin=archive.stdout, check=True, stdout=subprocess.DEVNULL)


def main(tag: str) -> None:
    """Make it, unless it is there."""
    if os.geteuid() != 0:
        sys.exit("base image: expected root, for debootstrap; on a machine that reaches a registry it is not needed")
    if not exists(tag):
        make(tag)


if __name__ == "__main__":
    main(*sys.argv[1:])
