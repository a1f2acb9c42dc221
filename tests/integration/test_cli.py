"""The command `syft`, as an operator types it."""

from __future__ import annotations

import shutil
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from syft import cli
from syft.client.login import login
from syft.config import DEFAULT_EMAIL, DEFAULT_PASSWORD, Settings
from syft.model.identity import Identity
from syft.server.open_node import open_node
from syft.transport.memory import MemoryRoute


def run(*words: str, **environ: str) -> Result:
    return CliRunner().invoke(cli.main, list(words), env=environ)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def site(home: Path) -> tuple[Path, str]:
    """The database of a node that has a log of some entries, and the node's public key."""
    settings = Settings.from_env({"SYFT_HOME": str(home)})
    node = open_node(settings, "site")
    admin = login(DEFAULT_EMAIL, DEFAULT_PASSWORD, route=MemoryRoute(node))
    for number in range(3):
        admin.settings.update(organization=f"Number {number}")
    node.close()
    return home / "site" / "node.db", admin.metadata.verify_key


def change(file: Path, statement: str) -> None:
    connection = sqlite3.connect(file)
    connection.execute(statement)
    connection.commit()
    connection.close()


def last_entry(file: Path) -> tuple[int, str]:
    connection = sqlite3.connect(file)
    seq, last = connection.execute("SELECT seq, hash FROM events ORDER BY seq DESC LIMIT 1").fetchone()
    connection.close()
    return seq, last


# audit verify


def test_a_whole_log_is_said_to_be_whole(site: tuple[Path, str], tmp_path: Path) -> None:
    file, key = site
    copy = tmp_path / "copy.db"
    shutil.copy(file, copy)
    seq, last = last_entry(copy)
    for path in (file, copy):
        done = run("audit", "verify", str(path), "--key", key)
        assert done.exit_code == 0, done.output
        assert done.output.splitlines() == [
            f"{seq} entries, none missing, moved or changed, each signed by the node.",
            f"Last hash: {last}",
        ]


def test_a_log_is_verified_while_its_node_runs(home: Path, site: tuple[Path, str]) -> None:
    file, key = site
    node = open_node(Settings.from_env({"SYFT_HOME": str(home)}), "site")
    admin = login(DEFAULT_EMAIL, DEFAULT_PASSWORD, route=MemoryRoute(node))
    try:
        for number in range(3):
            admin.settings.update(organization=f"Later {number}")
            assert run("audit", "verify", str(file), "--key", key).exit_code == 0
    finally:
        node.close()


@pytest.mark.parametrize("page", [1, 2, 1000])
@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("UPDATE events SET verb = 'other.thing' WHERE seq = 2", "damaged at entry 2: it has been changed"),
        ("DELETE FROM events WHERE seq = 2", "damaged at entry 2: entry 3 is in its place"),
        ("DELETE FROM events WHERE seq = (SELECT max(seq) FROM events)", "were written"),
        ("DELETE FROM events", "damaged at entry 1"),
        ("DELETE FROM events_head", "its signed end is missing"),
        ("UPDATE events SET detail = 'x' WHERE seq = 2", "damaged at entry 2: it cannot be read"),
        ("UPDATE events_head SET signature = '00'", "did not sign its end"),
    ],
)
def test_what_was_done_to_a_log_is_named(
    site: tuple[Path, str], page: int, statement: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, key = site
    monkeypatch.setattr(cli, "_PAGE", page)
    change(file, statement)
    done = run("audit", "verify", str(file), "--key", key)
    assert done.exit_code == 1
    assert done.output.startswith("Error: The log is damaged")
    assert said in done.output


def test_what_a_node_writes_meanwhile_is_no_damage(
    home: Path, site: tuple[Path, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    file, key = site
    node = open_node(Settings.from_env({"SYFT_HOME": str(home)}), "site")
    admin = login(DEFAULT_EMAIL, DEFAULT_PASSWORD, route=MemoryRoute(node))
    seq, last = last_entry(file)
    check = cli.check_chain

    def slowly(*args: Any, **kwargs: Any) -> Any:
        admin.settings.update(organization="Meanwhile")
        return check(*args, **kwargs)

    monkeypatch.setattr(cli, "check_chain", slowly)
    try:
        done = run("audit", "verify", str(file), "--key", key)
    finally:
        node.close()
    assert done.exit_code == 0, done.output
    assert done.output.startswith(f"{seq} entries")
    assert last in done.output


def test_an_entry_after_the_signed_end_is_named(site: tuple[Path, str]) -> None:
    file, key = site
    seq, _ = last_entry(file)
    connection = sqlite3.connect(file)
    names = [row[1] for row in connection.execute("PRAGMA table_info(events)")]
    connection.close()
    picked = ", ".join(
        f"{seq + 1}" if name == "seq" else "NULL" if name == "message_uid" else name for name in names
    )
    change(file, f"INSERT INTO events SELECT {picked} FROM events WHERE seq = {seq}")
    done = run("audit", "verify", str(file), "--key", key)
    assert done.exit_code == 1
    assert f"damaged at entry {seq + 1}: it comes after the signed end" in done.output


@pytest.mark.parametrize("key", ["", "zz", "ab" * 31])
def test_a_key_that_is_none(site: tuple[Path, str], key: str) -> None:
    done = run("audit", "verify", str(site[0]), "--key", key)
    assert (done.exit_code, done.output) == (
        2,
        "Error: A key is 64 hex digits: `client.metadata.verify_key`.\n",
    )


def test_another_nodes_key(site: tuple[Path, str]) -> None:
    done = run("audit", "verify", str(site[0]), "--key", Identity.generate().verify_key.hex())
    assert done.exit_code == 1
    assert "damaged at entry 1: this node did not sign it" in done.output


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    file = tmp_path / "x"
    file.write_bytes(b"nonsense" * 1000)
    done = run("audit", "verify", str(file), "--key", "ab" * 32)
    assert done.exit_code == 1
    assert "damaged" in done.output
    assert run("audit", "verify", str(tmp_path / "none"), "--key", "ab" * 32).exit_code == 2


# launch


def test_the_operator_is_told_the_login_that_is_set(home: Path) -> None:
    command = [sys.executable, "-m", "syft.cli", "launch", "--name", "site", "--port", "0"]
    environ = {"SYFT_HOME": str(home), "SYFT_ROOT_EMAIL": "boss@example.org", "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environ) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(2)]
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=20)
    assert 'email="boss@example.org", password="changethis"' in lines[1]


def test_sigterm_ends_it_in_order(home: Path) -> None:
    command = [sys.executable, "-m", "syft.cli", "launch", "--name", "site", "--port", "0"]
    environ = {"SYFT_HOME": str(home), "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert (home / "site" / "node.db-wal").exists()
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
    assert process.returncode == 0
    assert not (home / "site" / "node.db-wal").exists(), "the database was not closed"


def test_a_setting_that_is_none_is_one_line(home: Path) -> None:
    done = run("launch", SYFT_HOME=str(home), SYFT_LOG_LEVEL="verbose")
    assert done.exit_code == 1
    assert done.output == "Error: SYFT_LOG_LEVEL is one of DEBUG, INFO, WARNING, ERROR, not 'VERBOSE'.\n"
