"""The log of a real server: written out over HTTP, checked in another process, held against kept checkpoints."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from support.servers import ServerProcess
from syft import cli
from syft.client.client import Client
from syft.client.login import login
from syft.config import DEFAULT_EMAIL, DEFAULT_PASSWORD
from syft.errors import AuthorizationException
from syft.model.event import Event
from syft.model.identity import Identity
from syft.node.keyfile import load_or_make
from syft.store.chain import End, chain, sign_checkpoint, sign_head
from syft.store.logfile import checkpoint_line, read_checkpoints, write_log
from syft.store.sql import reading_file

ADA = ("ada@example.org", "lovelace")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def server(home: Path) -> Iterator[ServerProcess]:
    with ServerProcess(home) as server:
        admin = login(DEFAULT_EMAIL, DEFAULT_PASSWORD, route=server.route())
        admin.users.create(name="Ada", email=ADA[0], password=ADA[1])
        yield server


@pytest.fixture
def admin(server: ServerProcess) -> Client:
    return login(DEFAULT_EMAIL, DEFAULT_PASSWORD, route=server.route())


@pytest.fixture
def key(admin: Client) -> str:
    return admin.metadata.verify_key


def run(*words: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """`syft audit …` as somebody types it, in a process of its own that has no node."""
    command = [sys.executable, "-m", "syft.cli", "audit", *words]
    return subprocess.run(
        command, env={**os.environ, **environ}, capture_output=True, text=True, timeout=60, check=False
    )


def asked(
    server: ServerProcess, *words: str, email: str = DEFAULT_EMAIL, password: str = DEFAULT_PASSWORD
) -> subprocess.CompletedProcess[str]:
    return run(*words, "--node", server.url, "--email", email, SYFT_PASSWORD=password)


def test_a_log_goes_out_and_is_checked_elsewhere(
    home: Path, server: ServerProcess, key: str, tmp_path: Path
) -> None:
    file = tmp_path / "log.jsonl"
    done = asked(server, "export", str(file), "--key", key)
    assert done.returncode == 0, done.stderr
    number = len(file.read_text(encoding="utf-8").split("\n")) - 3
    assert done.stdout.startswith(f"{number} entries are in {file}.")
    done = run("verify", str(file), "--key", key)
    assert (done.returncode, done.stdout.split(",")[0]) == (0, f"{number} entries")
    # And each line of it is what the node's own database has.
    with reading_file(next(home.glob("*/node.db"))) as reader:
        assert reader.events(offset=number - 1, limit=1)[0].hash in done.stdout


def test_the_client_exports_while_the_node_goes_on(
    admin: Client, key: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In pages, to the end that it had at first, whatever is written meanwhile."""
    monkeypatch.setattr("syft.client.events._EXPORTED", 3)
    before = len(admin.events)
    written = admin.session.ask

    def busy(*args: object, **kwargs: object) -> object:
        reply = written(*args, **kwargs)  # type: ignore[arg-type]
        monkeypatch.setattr(admin.session, "ask", written)
        admin.settings.update(organization="Meanwhile")
        monkeypatch.setattr(admin.session, "ask", busy)
        return reply

    monkeypatch.setattr(admin.session, "ask", busy)
    admin.events.export(tmp_path / "log.jsonl")
    monkeypatch.setattr(admin.session, "ask", written)
    done = run("verify", str(tmp_path / "log.jsonl"), "--key", key)
    assert done.stdout.startswith(f"{before} entries"), done.stderr
    assert len(admin.events) > before


def test_what_was_done_to_the_file_is_named(admin: Client, key: str, tmp_path: Path) -> None:
    file = tmp_path / "log.jsonl"
    admin.events.export(file)
    lines = file.read_bytes().splitlines(keepends=True)
    lines[3] = lines[3].replace(b'"verb":"', b'"verb":"x', 1)
    file.write_bytes(b"".join(lines))
    done = run("verify", str(file), "--key", key)
    assert (done.returncode, done.stdout) == (1, "")
    assert "damaged at entry 3: it has been changed" in done.stderr


def test_a_scientist_keeps_checkpoints_and_reads_no_events(
    server: ServerProcess, admin: Client, key: str, tmp_path: Path
) -> None:
    kept, log = tmp_path / "kept.jsonl", tmp_path / "log.jsonl"
    for _ in range(2):
        done = asked(server, "checkpoint", str(kept), "--key", key, email=ADA[0], password=ADA[1])
        assert done.returncode == 0, done.stderr
    assert len(read_checkpoints(kept)) == 2
    printed = asked(server, "checkpoint", email=ADA[0], password=ADA[1])
    assert printed.stdout == kept.read_text(encoding="utf-8").split("\n")[0] + "\n"
    done = asked(server, "export", str(log), email=ADA[0], password=ADA[1])
    assert (done.returncode, "no access to 'events.list'" in done.stderr) == (1, True)
    assert not log.exists()
    ada = login(*ADA, route=server.route())
    with pytest.raises(AuthorizationException):
        ada.events.export(log)
    assert ada.events.checkpoint().seq == read_checkpoints(kept)[0].seq
    admin.events.export(log)
    done = run("verify", str(log), "--key", key, "--checkpoint", str(kept))
    assert done.returncode == 0, done.stderr
    assert "Checkpoints that it agrees with: 2" in done.stdout


def test_a_log_written_anew_with_the_nodes_own_key_is_found(
    home: Path, admin: Client, key: str, tmp_path: Path
) -> None:
    """THREATS 4.5: whoever runs the machine can sign anything; but not what others were told before."""
    kept, log, anew = tmp_path / "kept.jsonl", tmp_path / "log.jsonl", tmp_path / "anew.jsonl"
    admin.events.checkpoint().save(kept)
    admin.events.export(log)
    with reading_file(next(home.glob("*/node.db"))) as reader:
        entries = reader.events()
    node = load_or_make(next(home.glob("*/node.key")))
    previous = entries[2].hash
    forged = entries[:3]
    for entry in entries[3:]:
        event = entry.event
        if event.verb == "session.opened":
            event = Event(verb="node.nothing", created_at=event.created_at)
        forged.append(chain(entry.seq, previous, event, node.sign))
        previous = forged[-1].hash
    write_log(anew, bytes.fromhex(key), forged, sign_head(len(forged), previous, node.sign))
    assert run("verify", str(anew), "--key", key).returncode == 0, "by itself it is whole"
    done = run("verify", str(anew), "--key", key, "--checkpoint", str(kept))
    assert done.returncode == 1
    seq = read_checkpoints(kept)[0].seq
    assert f"written anew: entry {seq}" in done.stderr
    assert run("verify", str(log), "--key", key, "--checkpoint", str(kept)).returncode == 0


def test_a_database_is_held_against_checkpoints_and_exported_without_its_node(
    home: Path, admin: Client, key: str, tmp_path: Path
) -> None:
    kept, older, log = tmp_path / "kept.jsonl", tmp_path / "older.db", tmp_path / "log.jsonl"
    source = sqlite3.connect(next(home.glob("*/node.db")))
    copy = sqlite3.connect(older)
    source.backup(copy)
    for one in (source, copy):
        one.close()
    admin.settings.update(organization="Later")
    admin.events.checkpoint().save(kept)
    assert run("verify", str(older), "--key", key).returncode == 0
    done = run("verify", str(older), "--key", key, "--checkpoint", str(kept))
    assert (done.returncode, "says a checkpoint" in done.stderr) == (1, True)
    done = run("export", str(log), "--node", str(older), "--key", key)
    assert done.returncode == 0, done.stderr
    assert run("verify", str(log), "--key", key).returncode == 0
    done = run("export", str(log), "--node", str(older), "--key", key)
    assert (done.returncode, "already" in done.stderr) == (1, True)


def test_a_node_with_another_key_is_not_told_who_asks(server: ServerProcess, admin: Client) -> None:
    before = len(admin.events)
    done = asked(server, "checkpoint", "--key", Identity.generate().verify_key.hex())
    assert (done.returncode, "a node with another key" in done.stderr) == (1, True)
    assert len(admin.events) == before


def test_what_is_to_be_checked_against_must_be_good(admin: Client, key: str, tmp_path: Path) -> None:
    """Exit code 2: nothing is known of the log."""
    log, kept, forged = tmp_path / "log.jsonl", tmp_path / "kept.jsonl", tmp_path / "forged.jsonl"
    admin.events.export(log)
    checkpoint = admin.events.checkpoint()
    checkpoint.save(kept)
    later = (checkpoint.at + timedelta(seconds=1)).astimezone(UTC)
    forged.write_text(kept.read_text().replace(f"{checkpoint.at:%H:%M:%S}", f"{later:%H:%M:%S}"))
    other = Identity.generate().verify_key.hex()
    for words, said in (
        ((str(log), "--key", "zz"), "64 hex digits"),
        ((str(log), "--key", key, "--checkpoint", str(forged)), "proves nothing"),
        ((str(log), "--key", key, "--checkpoint", str(log)), "Line 1 of"),
        ((str(log), "--key", other, "--checkpoint", str(kept)), "not of this one"),
        ((str(tmp_path / "none"), "--key", key), "does not exist"),
    ):
        done = run("verify", *words)
        assert done.returncode == 2, done.stderr
        assert said in done.stderr
    done = run("verify", str(log), "--key", other)
    assert (done.returncode, "is of the node with the key" in done.stderr) == (1, True)


def test_two_checkpoints_that_contradict_each_other(
    home: Path, admin: Client, key: str, tmp_path: Path
) -> None:
    """Two people compare what they were told: no log is needed to see that there were two."""
    log, kept = tmp_path / "log.jsonl", tmp_path / "kept.jsonl"
    admin.events.export(log)
    one = admin.events.checkpoint()
    one.save(kept)
    node = load_or_make(next(home.glob("*/node.key")))
    two = sign_checkpoint(node.verify_key, End(one.seq, "ab" * 32), datetime.now(UTC), node.sign)
    (tmp_path / "other.jsonl").write_bytes(checkpoint_line(two))
    done = run(
        "verify", str(log), "--key", key,
        "--checkpoint", str(kept), "--checkpoint", str(tmp_path / "other.jsonl"),
    )  # fmt: skip
    assert (done.returncode, "has had two logs" in done.stderr) == (1, True)


def test_the_password_is_asked_for_and_what_is_missing_is_said(server: ServerProcess, admin: Client) -> None:
    words = ["audit", "checkpoint", "--node", server.url]
    typed = CliRunner().invoke(cli.main, [*words, "--email", DEFAULT_EMAIL], input=f"{DEFAULT_PASSWORD}\n")
    assert (typed.exit_code, DEFAULT_PASSWORD in typed.output) == (0, False)
    assert '"format":"syft audit checkpoint 1"' in typed.output
    assert "Say who asks" in CliRunner().invoke(cli.main, words).output
    nobody = CliRunner().invoke(
        cli.main, ["audit", "checkpoint", "--node", "http://127.0.0.1:9", "--email", "a@b.org"]
    )
    assert (nobody.exit_code, nobody.output.startswith("Error: ")) == (1, True)
    wrong = asked(server, "checkpoint", password="wrong")
    assert (wrong.returncode, "Invalid credentials" in wrong.stderr) == (1, True)


def test_a_folder_that_is_not_there_is_one_line(server: ServerProcess, tmp_path: Path) -> None:
    for command in ("export", "checkpoint"):
        done = asked(server, command, str(tmp_path / "none" / "x"))
        assert (done.returncode, done.stderr.splitlines()[-1]) == (
            1,
            f"Error: {tmp_path}/none/x: No such file or directory",
        )
