"""This module is the command `syft`."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import click
import msgspec

from syft.config import DEFAULT_PASSWORD, Settings
from syft.errors import InvalidInput, StorageError, SyftException
from syft.logger import configure
from syft.model.event import ChainedEvent
from syft.model.identity import KEY_BYTES
from syft.node.node import Node
from syft.sandbox.levels import PROMISES
from syft.sandbox.report import as_text, examine, missing
from syft.sandbox.runner import EmbeddedRunner
from syft.server.open_node import open_node
from syft.server.serve import Failed, Ready, serve
from syft.server.stopping import ended_on_request, leave_first_place
from syft.store.chain import ChainHead, check_chain
from syft.store.sql import SqlReader, reading_file
from syft.version import VERSION

# Entries read at a time, so that a long log does not have to fit into memory.
_PAGE: Final = 1000


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


@main.group()
def audit() -> None:
    """Look at a node's log without the node."""


@audit.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--key",
    required=True,
    metavar="HEX",
    help="The node's public key, 64 hex digits, from a source you trust: `client.metadata.verify_key`.",
)
def verify(file: Path, key: str) -> None:
    """Check that the log in FILE is whole and as the node signed it.

    FILE is a node's database, node.db in its folder, or a copy of it; nothing is written. The last hash is worth
    noting elsewhere: an older copy of the whole database is whole as well, and only such a note tells them apart.
    """
    try:
        with reading_file(file) as reader:
            head = check_log(reader, _key_bytes(key))
    except SyftException as error:
        raise click.ClickException(error.public_message) from error
    number = "1 entry" if head.seq == 1 else f"{head.seq} entries"
    click.echo(f"{number}, none missing, moved or changed, each signed by the node.")
    click.echo(f"Last hash: {head.hash}")


def check_log(reader: SqlReader, key: bytes) -> ChainHead:
    """The signed end of a log that is whole up to there. A node may go on writing meanwhile.

    Args:
        reader: of the log.
        key: the node's 32 public bytes.
    Raises:
        StorageError: names the first entry that is missing, moved, changed or not signed by the node.
    """
    head = reader.head()
    if head is None:
        raise StorageError("The log is damaged: its signed end is missing.")
    check_chain(_entries(reader, head.seq), key, head=head)
    # In this order: a node that writes moves the end in the same transaction.
    if reader.count_events() > head.seq and reader.head() == head:
        raise StorageError(f"The log is damaged at entry {head.seq + 1}: it comes after the signed end.")
    return head


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
