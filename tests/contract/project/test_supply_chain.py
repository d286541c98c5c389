"""What is installed is what was locked; what is known against it fails the audit; what it is made of is listed."""

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from datetime import date

import pytest

from tasks.project import PROJECT
from tests.audit import NOT_AUDITED, exceptions
from tests.support.http_server import answer, server

UV = shutil.which("uv") or shutil.which("uv", path=PROJECT / ".state" / "uv" / "bin")
needs_uv = pytest.mark.skipif(UV is None, reason="no uv here (`make setup` brings it along)")
VULNERABILITY = {
    "id": "GHSA-aaaa-bbbb-cccc",
    "summary": "made up",
    "modified": "2026-01-01T00:00:00Z",
    "published": "2026-01-01T00:00:00Z",
    "affected": [{"package": {"name": "jinja2", "ecosystem": "PyPI"}}],
}


@pytest.fixture(scope="module")
def lock():
    return tomllib.loads((PROJECT / "uv.lock").read_text())["package"]


def test_every_locked_file_has_its_digest(lock):
    """Each package comes from the registry, and each of its files is pinned by SHA-256."""
    packages = [package for package in lock if package["source"] != {"virtual": "."}]
    assert len(packages) > 200
    for package in packages:
        assert list(package["source"]) == ["registry"], package["name"]
        files = [*package.get("wheels", ()), *([package["sdist"]] if "sdist" in package else ())]
        assert files, package["name"]
        assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", file["hash"]) for file in files), package["name"]


def test_set_up_takes_the_lock_as_it_is():
    """No command of the Makefile or of CI resolves anew, installs by name, or goes past the digests."""
    text = (PROJECT / "Makefile").read_text() + (PROJECT / ".ci" / "run").read_text()
    assert re.findall(r"sync\b.*", text) == ["sync --frozen"]
    assert re.findall(r"pip install\b.*", text) == ["pip install --quiet --disable-pip-version-check uv"]


def test_an_accepted_vulnerability_has_a_reason_and_a_day(tmp_path):
    """Past its day it counts again, and the message says so."""
    file = tmp_path / "pyproject.toml"
    entries = [
        f'{{ id = "{name}", until = {day}, reason = "x" }}' for name, day in [("A", "2026-01-01"), ("B", "2026-03-01")]
    ]
    file.write_text(f"[tool.like-for-like]\naccepted-vulnerabilities = [{', '.join(entries)}]\n")
    accepted, problems = exceptions(file, date(2026, 2, 1))
    assert accepted == ["B"]
    assert len(problems) == 1
    assert problems[0].startswith("A: accepted until 2026-01-01")
    exceptions(PROJECT / "pyproject.toml", date(2026, 2, 1))


def audit(url):
    """The audit as CI runs it, against a vulnerability service of our own."""
    line = [sys.executable, "-m", "tests.audit", str(UV), "--service-url", url, "--no-cache"]
    environment = os.environ | {"UV_HTTP_RETRIES": "0", "NO_PROXY": "127.0.0.1"}
    done = subprocess.run(line, cwd=PROJECT, env=environment, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout


def osv(known):
    """Answers like the vulnerability service, which knows one thing about each package in `known`."""

    def respond(handler):
        if handler.command == "GET":
            found = VULNERABILITY
        else:
            asked = json.loads(handler.rfile.read(int(handler.headers["Content-Length"])))["queries"]
            vulns = {"vulns": [{"id": VULNERABILITY["id"], "modified": VULNERABILITY["modified"]}]}
            found = {"results": [vulns if query["package"]["name"] in known else {} for query in asked]}
        answer(handler, json.dumps(found).encode(), Content_Type="application/json")

    return respond


@needs_uv
def test_a_known_vulnerability_fails_the_audit():
    """A finding is exit status 1 with its name; none is 0."""
    with server(osv({"jinja2"})) as url:
        code, said = audit(url)
    assert (code, VULNERABILITY["id"] in said) == (1, True), said
    with server(osv(set())) as url:
        code, said = audit(url)
    assert (code, NOT_AUDITED in said) == (0, False), said


@needs_uv
def test_a_service_that_is_away_is_said_loudly():
    """No answer, or a server's error, is no finding, and never passes for an audit."""
    code, said = audit("http://127.0.0.1:9/")
    assert (code, NOT_AUDITED in said) == (0, True), said
    with server(lambda handler: answer(handler, status=503)) as url:
        code, said = audit(url)
    assert (code, NOT_AUDITED in said) == (0, True), said


@needs_uv
def test_an_audit_that_cannot_run_fails(monkeypatch):
    """An option that uv does not know, as an old uv does not know the audit, is no unreachable service."""
    line = [sys.executable, "-m", "tests.audit", str(UV), "--no-such-option"]
    assert subprocess.run(line, cwd=PROJECT, capture_output=True, check=False).returncode == 1


@needs_uv
def test_the_bill_of_materials_lists_every_installed_package(lock, tmp_path):
    """CycloneDX, with the release of every package that the set-up installs."""
    target = tmp_path / "sbom.json"
    subprocess.run(["make", "-s", "sbom", f"UV={UV}", f"SBOM={target}", "-o", "setup"], cwd=PROJECT, check=True)
    bill = json.loads(target.read_text())
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.5")
    listed = {(component["name"], component["version"]) for component in bill["components"]}
    locked = {(package["name"], package["version"]) for package in lock}
    assert listed <= locked
    assert {"apache-airflow", "keras", "tensorflow-cpu", "swift", "boto3", "pytest"} <= {name for name, _ in listed}
