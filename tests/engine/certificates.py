"""Certificates of a private authority, for servers that tests reach over TLS."""

import subprocess
from pathlib import Path


def make_certificates(folder: Path, name: str, address: str) -> None:
    """A private authority in `folder` (`ca.pem`), and the certificate that it gives a host of this name and address.

    `both.pem` is the host's certificate with its key.
    """
    folder.mkdir()
    (folder / "names").write_text(f"subjectAltName=DNS:{name},IP:{address}\n")
    new = ["openssl", "req", "-newkey", "rsa:2048", "-nodes", "-subj"]
    lines = [
        [*new, "/CN=a team's authority", "-x509", "-days", "2", "-keyout", "ca.key", "-out", "ca.pem"],
        [*new, f"/CN={name}", "-keyout", "head.key", "-out", "head.csr"],
        ["openssl", "x509", "-req", "-in", "head.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
         "-days", "2", "-extfile", "names", "-out", "head.pem"],
    ]  # fmt: skip
    for line in lines:
        subprocess.run(line, cwd=folder, check=True, capture_output=True)
    (folder / "both.pem").write_text((folder / "head.pem").read_text() + (folder / "head.key").read_text())
