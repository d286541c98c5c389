"""The search for secrets finds them: what it does not find is not there."""

import sqlite3
import zlib
from contextlib import closing

from tests.support.leaks import in_database, in_files

SECRETS = {"password": "s3cr3t"}


def test_a_secret_in_a_file_is_found(tmp_path):
    """In a folder of folders, in the middle of bytes that are no text."""
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "log").write_bytes(b"\xff\0s3cr3t\0")
    (tmp_path / "b").write_bytes(b"nothing")
    assert in_files([tmp_path], SECRETS) == {tmp_path / "a" / "log": {"password"}, tmp_path / "b": set()}


def test_a_secret_in_a_database_is_found(tmp_path):
    """In text, in a packed blob, in a value of many pages."""
    with closing(sqlite3.connect(tmp_path / "airflow.db")) as database:
        for table, value in {
            "plain": "x" * 9000 + "s3cr3t",
            "packed": zlib.compress(b'{"a": "s3cr3t"}'),
            "clean": "nothing",
        }.items():
            database.execute(f"CREATE TABLE {table} (id INTEGER, value)")
            database.execute(f"INSERT INTO {table} VALUES (1, ?)", (value,))
        database.execute("CREATE TABLE empty (value)")
        database.commit()
    assert in_database(tmp_path / "airflow.db", SECRETS) == {
        "plain": {"password"},
        "packed": {"password"},
        "clean": set(),
    }
