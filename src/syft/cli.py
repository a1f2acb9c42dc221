"""This module is the command `syft`."""

from __future__ import annotations

import os
import platform
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import Final

import click
import msgspec

from syft.client.client import Client
from syft.client.login import connect
from syft.config import DEFAULT_PASSWORD, Settings
from syft.errors import InvalidInput, StorageError, SyftException
from syft.logger import configure
from syft.model.event import ChainedEvent, ChainHead, Checkpoint
from syft.model.identity import KEY_BYTES
from syft.model.worker import WorkerState
from syft.node.node import Node
from syft.remote.start import work
from syft.sandbox.levels import PROMISES
from syft.sandbox.report import as_text, examine, missing
from syft.sandbox.runner import EmbeddedRunner
from syft.server.open_node import open_node
from syft.server.serve import Failed, Ready, serve
from syft.server.stopping import ended_on_request, leave_first_place
from syft.store.chain import End, check_agree, check_chain, check_checkpoint
from syft.store.logfile import check_log_file, checkpoint_line, read_checkpoints, write_log
from syft.store.sql import SqlReader, reading_file
from syft.version import VERSION

# Entries read at a time, so that a long log does not have to fit into memory.
_PAGE: Final = 1000
# How a database begins.
_SQLITE: Final = b"SQLite format 3\0"


@click.group()
@click.version_option(VERSION, prog_name="syft")
def main() -> None:
    """Compute on data that you are not allowed to see."""


@main.command()
@click.option(
    "--name", default="syft-server", show_default=True, help="Of the node; its data is kept under it."
)
@click.option("--host", default="127.0.0.1", show_default=True, help="To listen on.")
@click.option("--port", default=8080, show_default=True, help="To listen on; 0 for any free one.")
@click.option("--reset/--no-reset", default=False, show_default=True, help="Throw away what the node had.")
@click.option(
    "--server-type", default="datasite", show_default=True, help="datasite, or gateway: a network's."
)
@click.option(
    "--side", default="high", show_default=True, help="high: has private data; low: has only mocks."
)
@click.option(
    "--notify", is_flag=True, hidden=True, help="For a parent process: one line of JSON when ready."
)
def launch(name: str, host: str, port: int, reset: bool, server_type: str, side: str, notify: bool) -> None:
    """Start a node and serve it until interrupted."""

    def ready(where: Ready) -> None:
        if notify:
            sys.stdout.buffer.write(msgspec.json.encode(where) + b"\n")
            sys.stdout.flush()
            return
        click.echo(f"{name} answers at http://{where.host}:{where.port}")
        if where.note:
            click.echo(where.note)
        if node.has_default_password:
            known = f'email="{settings.root_email}", password="{DEFAULT_PASSWORD}"'
            click.echo(f"Log in: sy.login(port={where.port}, {known})")
            click.echo("Everybody knows this password; change it before anybody else can reach this machine.")
        click.echo("Ctrl-C stops it; its data stays.")
        # The fence may still be proving itself, and the server answers meanwhile.
        threading.Thread(target=tell_isolation, args=(node,), daemon=True).start()

    try:
        with ended_on_request():
            leave_first_place()
            settings = Settings.from_env(os.environ)
            configure(settings.log_level)
            node = open_node(settings, name, reset=reset, kind=server_type, side_type=side)
            serve(node, host=host, port=port, on_ready=ready, lifeline=0 if notify else None)
    except SyftException as error:
        if notify:
            sys.stdout.buffer.write(msgspec.json.encode(Failed(error.code, error.public_message)) + b"\n")
        raise click.ClickException(error.public_message) from error


@main.command()
@click.option("--node", "url", required=True, metavar="URL", help="Of the node whose work it does.")
@click.option("--pool", required=True, help="Whose work it takes.")
@click.option("--name", default=platform.node, help="Of this worker, for people; this machine's if left out.")
@click.option(
    "--slots", default=2, show_default=True, help="Jobs at once; of what they launch, as many again."
)
@click.option(
    "--home",
    type=click.Path(file_okay=False, path_type=Path),
    help="For its key and the values it has fetched; a folder of SYFT_HOME if left out.",
)
@click.option("--cache-mb", default=10_240, show_default=True, help="How much of those values stays, in MiB.")
@click.option(
    "--token",
    default="",
    envvar="SYFT_WORKER_TOKEN",
    help="A join token (`pool.token()`); better in SYFT_WORKER_TOKEN, where other users do not see it.",
)
@click.option("--node-key", default="", metavar="HEX", help="The node's public key, from a source you trust.")
def worker(
    url: str, pool: str, name: str, slots: int, home: Path | None, cache_mb: int, token: str, node_key: str
) -> None:
    """Do a node's work on this machine, behind a fence of its own, until interrupted."""

    def told(key: str, state: WorkerState) -> None:
        if state is WorkerState.WAITING:
            click.echo(f"Waiting to be admitted to '{pool}'. This worker's key: {key}")
            click.echo("An administrator compares it and admits it: `client.workers`, then `.admit()`.")
        else:
            click.echo(f"'{name}' takes work of '{pool}', {slots} at once. Ctrl-C stops it.")

    try:
        with ended_on_request():
            leave_first_place()
            settings = Settings.from_env(os.environ)
            configure(settings.log_level)
            work(
                settings,
                url=url,
                pool=pool,
                name=name,
                slots=slots,
                home=home or settings.home / f"worker-{name}",
                cache_bytes=cache_mb << 20,
                token=token,
                node_key=node_key,
                on_state=told,
            )
    except SyftException as error:
        raise click.ClickException(error.public_message) from error


@main.group()
def audit() -> None:
    """Look at a node's log: write it out, keep a word on it, check it without the node."""


class CannotCheck(click.ClickException):
    """What is to be checked against is not what it should be: nothing is known of the log. Exit code 2."""

    exit_code = 2


_key = click.option(
    "--key",
    required=True,
    metavar="HEX",
    help="The node's public key, 64 hex digits, from a source you trust: `client.metadata.verify_key`.",
)
_expected_key = click.option(
    "--key",
    default="",
    metavar="HEX",
    help="The node's public key, 64 hex digits; a node with another one is told nothing, not even who asks.",
)
_node = click.option("--node", required=True, metavar="URL", help="Where the node is.")
_email = click.option("--email", default="", help="Of your account there.")


@audit.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@_key
@click.option(
    "--checkpoint",
    "kept",
    multiple=True,
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Checkpoints that somebody kept, one a line; may be given several times.",
)
def verify(file: Path, key: str, kept: tuple[Path, ...]) -> None:
    """Check that the log in FILE is whole and as the node signed it.

    FILE is what `syft audit export` wrote; or a node's database, node.db in its folder, or a copy of it. Nothing is
    written. The last hash is worth noting elsewhere, and a checkpoint even more: an older copy of the whole log is
    whole as well, and so is one that was written anew with the node's key. Only what was kept elsewhere tells.

    Exit code: 0 the log is whole and has what the checkpoints say, 1 it is not or has not, 2 key, checkpoint or
    file are not what they should be.
    """
    try:
        verify_key = _key_bytes(key)
        checkpoints = [one for path in kept for one in read_checkpoints(path)]
        for one in checkpoints:
            check_checkpoint(one, verify_key)
    except (SyftException, OSError) as error:
        raise CannotCheck(_text_of(error)) from error
    try:
        check_agree(checkpoints)
        end = _checked(file, verify_key, checkpoints)
    except SyftException as error:
        raise click.ClickException(error.public_message) from error
    except OSError as error:
        raise CannotCheck(_text_of(error)) from error
    number = "1 entry" if end.seq == 1 else f"{end.seq} entries"
    click.echo(f"{number}, none missing, moved or changed, each signed by the node.")
    click.echo(f"Last hash: {end.hash}")
    if checkpoints:
        latest = max(checkpoints, key=lambda one: one.seq)
        click.echo(
            f"Checkpoints that it agrees with: {len(checkpoints)}, the last one about entry {latest.seq}, "
            f"at {latest.at:%Y-%m-%dT%H:%M:%SZ}."
        )


@audit.command()
@click.argument("file", type=click.Path(path_type=Path))
@_node
@_email
@_expected_key
def export(file: Path, node: str, email: str, key: str) -> None:
    """Write the whole log of a node to FILE, as JSON Lines that `syft audit verify` checks.

    An administrator's e-mail and password are needed; the password is taken from SYFT_PASSWORD, or asked for. In place
    of a URL, a node's database (node.db in its folder, or a copy of it) can be given, with --key and without a login.
    """
    try:
        if Path(node).is_file():
            number = _export_database(file, Path(node), _key_bytes(key))
            click.echo(f"{number} entries are in {file}.")
            return
        client = _logged_in(node, email, key)
        click.echo(client.events.export(file).message)
    except (SyftException, OSError) as error:
        raise click.ClickException(_text_of(error)) from error


@audit.command()
@click.argument("file", required=False, type=click.Path(dir_okay=False, path_type=Path))
@_node
@_email
@_expected_key
def checkpoint(file: Path | None, node: str, email: str, key: str) -> None:
    """Ask a node where its log ends, and keep its signed answer: a line more in FILE, or printed.

    Every account may ask. Keep FILE where the node's people cannot change it; `syft audit verify --checkpoint FILE`
    then shows whether the log was written anew since. The password is taken from SYFT_PASSWORD, or asked for.
    """
    try:
        found = _logged_in(node, email, key).events.checkpoint()
        if file is None:
            click.echo(checkpoint_line(found.record), nl=False)
        else:
            click.echo(found.save(file).message)
    except (SyftException, OSError) as error:
        raise click.ClickException(_text_of(error)) from error


def _logged_in(node: str, email: str, key: str) -> Client:
    """A client of an account at that node, whose key is looked at before anything is said to it.

    Raises:
        InvalidInput: it has another key, or the e-mail is missing.
        AuthenticationError: e-mail and password do not belong together.
        NodeUnreachable: nobody answers there.
    """
    guest = connect(node)
    if key and guest.metadata.verify_key != _key_bytes(key).hex():
        raise InvalidInput(f"At {node} is a node with another key: {guest.metadata.verify_key}.")
    if not email:
        raise InvalidInput("Say who asks: --email, of an account at that node.")
    password = os.environ.get("SYFT_PASSWORD") or click.prompt("Password", hide_input=True, err=True)
    with redirect_stdout(sys.stderr):
        # What is printed is for programs, too.
        return guest.login(email, password)


def _export_database(file: Path, database: Path, key: bytes) -> int:
    """Write the log in a node's database to a new file; returns how many entries.

    Raises:
        StorageError: it is no node's database, or has no signed end.
    """
    with reading_file(database) as reader:
        head = _head_of(reader)
        return write_log(file, key, _entries(reader, head.seq), head)


def _checked(file: Path, key: bytes, checkpoints: Sequence[Checkpoint]) -> End:
    """The end of the log in a file, if that is whole and has what the checkpoints say.

    Raises:
        StorageError: it is not or has not; names the first entry with which something is wrong.
    """
    with file.open("rb") as bytes_of:
        if bytes_of.read(len(_SQLITE)) != _SQLITE:
            bytes_of.seek(0)
            return check_log_file(bytes_of, key, checkpoints)
    with reading_file(file) as reader:
        return check_log(reader, key, checkpoints)


def check_log(reader: SqlReader, key: bytes, checkpoints: Sequence[Checkpoint] = ()) -> End:
    """The signed end of a log that is whole up to there. A node may go on writing meanwhile.

    Args:
        reader: of the log.
        key: the node's 32 public bytes.
        checkpoints: kept from earlier, each signed by the node.
    Raises:
        StorageError: names the first entry that is missing, moved, changed or not signed by the node.
    """
    head = _head_of(reader)
    end = check_chain(_entries(reader, head.seq), key, head=head, checkpoints=checkpoints)
    # In this order: a node that writes moves the end in the same transaction.
    if reader.count_events() > head.seq and reader.head() == head:
        raise StorageError(f"The log is damaged at entry {head.seq + 1}: it comes after the signed end.")
    return end


def _head_of(reader: SqlReader) -> ChainHead:
    head = reader.head()
    if head is None:
        raise StorageError("The log is damaged: its signed end is missing.")
    return head


def _text_of(error: SyftException | OSError) -> str:
    """What to tell a person of it."""
    if isinstance(error, SyftException):
        return error.public_message
    return f"{error.filename}: {error.strerror}" if error.filename else str(error)


def _entries(reader: SqlReader, last: int) -> Iterator[ChainedEvent]:
    """The entries up to place `last`, in order."""
    place = 0
    while place < last:
        page = reader.events(limit=_PAGE, offset=place)
        if not page:
            return
        yield from (entry for entry in page if entry.seq <= last)
        place = page[-1].seq


def _key_bytes(text: str) -> bytes:
    """The key that was typed.

    Raises:
        InvalidInput: it is none.
    """
    try:
        key = bytes.fromhex(text.strip())
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise InvalidInput(f"A key is {2 * KEY_BYTES} hex digits: `client.metadata.verify_key`.")
    return key


@main.command()
@click.option(
    "--level", default="", help="To examine; what SYFT_ISOLATION and SYFT_ISOLATION_MIN choose if left out."
)
@click.option("--json", "as_json", is_flag=True, help="For programs: one object.")
def doctor(level: str, as_json: bool) -> None:
    """Try what submitted code must not be able to do, outside of the fence and inside."""
    try:
        settings = Settings.from_env(os.environ)
        runner = EmbeddedRunner(
            level=level or settings.isolation, minimum=settings.isolation_min, protected=[settings.home]
        )
        try:
            runner.wait()
            examined = examine(runner)
        except SyftException:
            # The error says what to do, but for what is too long for one.
            _, profile = missing(runner.passed_over)
            if profile and not as_json:
                click.echo(profile)
            raise
        finally:
            runner.close()
    except SyftException as error:
        raise click.ClickException(error.public_message) from error
    click.echo(msgspec.json.encode(examined) if as_json else as_text(examined))
    sys.exit(1 if examined.breaches else 0)


def tell_isolation(node: Node) -> None:
    """Say behind which fence submitted code runs here, or why it does not run."""
    if not node.runs_code:
        click.echo("This is a gateway: it keeps no data and runs no code.")
        return
    try:
        level = node.isolation()
    except SyftException as error:
        click.echo(error.public_message, err=True)
        return
    click.echo(f"Submitted code runs at isolation level '{level}': {PROMISES[level]}.")


if __name__ == "__main__":
    main()
