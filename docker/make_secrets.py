"""Write the stack's secrets once: `python docker/make_secrets.py`, which `make stack` runs.

Only the owner can enter the folder. Everybody can read the files in it: the engine mounts them unchanged into
containers whose users are not the owner. The script uses the standard library only, as the machine may have no more.
"""

import json
import os
import secrets
from pathlib import Path

FOLDER = Path(__file__).parent / "secrets"


def contents() -> dict[str, str]:
    """The text of every file, with new random secrets."""
    postgres, store_key, store_secret = secrets.token_urlsafe(24), secrets.token_hex(10), secrets.token_urlsafe(30)
    broker = secrets.token_urlsafe(24)
    identity = {
        "name": "like-for-like",
        "credentials": [{"accessKey": store_key, "secretKey": store_secret}],
        "actions": ["Admin", "Read", "Write", "List", "Tagging"],
    }
    return {
        "postgres_password": postgres,
        "database_uri": f"postgresql+psycopg2://airflow:{postgres}@postgres/airflow",
        # A Fernet key is 32 random bytes in URL-safe base64, padding included.
        "fernet_key": f"{secrets.token_urlsafe(32)}=",
        "api_secret_key": secrets.token_urlsafe(32),
        "jwt_secret": secrets.token_urlsafe(64),
        "airflow_passwords": json.dumps({"admin": secrets.token_urlsafe(12)}),
        "broker_password": broker,
        "broker_uri": f"redis://:{broker}@broker:6379/0",
        "store_identities": json.dumps({"identities": [identity]}),
        "store.env": f"AWS_ACCESS_KEY_ID={store_key}\nAWS_SECRET_ACCESS_KEY={store_secret}\n",
    }


def main() -> None:
    """Write the files unless the folder exists; an existing stack keeps its secrets."""
    if FOLDER.exists():
        return
    fresh = FOLDER.with_name(f".secrets-{os.getpid()}")
    fresh.mkdir(mode=0o700)
    for name, text in contents().items():
        (fresh / name).write_text(text, encoding="utf-8")
        (fresh / name).chmod(0o444)
    fresh.rename(FOLDER)


if __name__ == "__main__":
    main()
