"""What the processes of this machine take over from a person's shell.

The shell serves the person's other work too: another Airflow, another Python, a profile of AWS, a proxy. So this is a
list of what is taken over, not of what is left out. What Airflow and the stages need can be listed completely. What
could harm them cannot: every release of Airflow and of Python reads variables that an older list does not have.

Airflow's processes talk to each other on this machine. A person's proxy or certificate can only hinder them: some of
their libraries end at an entry that they cannot read. The stages, which download, need both. So these variables pass
through Airflow under other names, and get their own names back where a stage begins.
"""

import os
import pwd
import sys
from collections.abc import Iterable, Mapping, MutableMapping
from io import TextIOWrapper
from pathlib import Path

STORE_ENCRYPTION = "STORE_ENCRYPTION"  # what each write to a bucket asks for
PERSON = ("PATH", "HOME", "USER", "LOGNAME", "LANG", "LANGUAGE", "TZ", "TMPDIR", "TEMP", "TMP", "LD_LIBRARY_PATH")
PROJECTS = (
    "STORE",
    STORE_ENCRYPTION,
    "RUNNER",
    "DATASET_MIRROR",
    "WORKFLOW_CONFIG",
    "STAGE_PYTHON",
    "LIKE_FOR_LIKE_STATE",
    "LIKE_FOR_LIKE_PATIENCE",
    "NETRC",
)
# How the operators find an engine or a cluster.
ENGINES = (
    *("DOCKER_HOST", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH", "DOCKER_CONFIG", "XDG_RUNTIME_DIR", "SSH_AUTH_SOCK"),
    *("KUBECONFIG", "AIRFLOW_CONN_KUBERNETES_DEFAULT", "KRB5CCNAME", "KRB5_CONFIG"),
)
GPUS = ("NVIDIA_VISIBLE_DEVICES", "NVIDIA_DRIVER_CAPABILITIES", "ROCR_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES")
STORE_CLIENT = "AWS_"
STARTS = (STORE_CLIENT, "LC_", "KUBERNETES_SERVICE_", "CUDA_")

PROXY = "_proxy"  # ends the name of a proxy, in capitals or not
CERTIFICATES = ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
LOOPBACK = "127.0.0.1,localhost"  # no proxy leads there
FOR_STAGES = "FOR_STAGES_"  # stands before the names of what passes through Airflow

# The default files of a person are not read where these name others.
NO_AWS_FILES = {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}


def taken_over(shell: Mapping[str, str], home: Path, also: Iterable[str] = ()) -> dict[str, str]:
    """The environment of this machine's processes, from that of a person's `shell`.

    A variable without a value is as good as none. `home` is used for a user without an entry in the
    password file. `also` names further variables.
    """
    listed = {*PERSON, *PROJECTS, *ENGINES, *GPUS, *also}
    given = {name: value for name, value in shell.items() if value}
    taken = {name: value for name, value in given.items() if name in listed or name.startswith(STARTS)}
    aside = {f"{FOR_STAGES}{name}": value for name, value in _network(given).items()}
    return _who(home) | taken | aside


def put_back(environment: Mapping[str, str]) -> dict[str, str]:
    """`environment` as a stage sees it: what passed through Airflow has its own name again."""
    kept = {name: value for name, value in environment.items() if not name.startswith(FOR_STAGES)}
    aside = environment.keys() - kept.keys()
    return kept | {name.removeprefix(FOR_STAGES): environment[name] for name in aside}


def lead_to(environment: MutableMapping[str, str], connection: Mapping[str, str]) -> None:
    """Let `environment` lead to the embedded store by its `connection`; nothing of the person's own S3 stays."""
    for name in [name for name in environment if name.startswith(STORE_CLIENT) or name == STORE_ENCRYPTION]:
        del environment[name]
    environment.update(connection)


def speak_any_text() -> None:
    """Let this process's standard streams take every text: what their encoding lacks is written as an escape."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _network(given: Mapping[str, str]) -> dict[str, str]:
    """How to reach the internet: proxies and certificates. No proxy is asked for this machine."""
    found = {name: value for name, value in given.items() if name in CERTIFICATES or name.lower().endswith(PROXY)}
    if any(name.lower().endswith(PROXY) for name in found):
        direct = ",".join(filter(None, (LOOPBACK, given.get("no_proxy") or given.get("NO_PROXY"))))
        found |= {"no_proxy": direct, "NO_PROXY": direct}
    return found


def login_name() -> str:
    """The name of this user on this machine, whatever the variables say; `uid-N` where the machine knows none."""
    account = _account()
    return account.pw_name if account else f"uid-{os.getuid()}"


def _who(home: Path) -> dict[str, str]:
    """Name and home of this user. Airflow asks for both, and ends where it gets no answer."""
    name, account = login_name(), _account()
    return {"USER": name, "LOGNAME": name, "HOME": account.pw_dir if account else str(home)}


def _account() -> pwd.struct_passwd | None:
    """What this machine knows of this user; a container often knows nothing."""
    try:
        return pwd.getpwuid(os.getuid())
    except KeyError:
        return None
