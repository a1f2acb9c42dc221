"""This module is the command `syft`."""

from __future__ import annotations

import os
import sys
import threading

import click
import msgspec

from syft.config import DEFAULT_EMAIL, DEFAULT_PASSWORD, Settings
from syft.errors import SyftException
from syft.logger import configure
from syft.node.node import Node
from syft.sandbox.levels import PROMISES
from syft.sandbox.report import as_text, examine
from syft.sandbox.runner import EmbeddedRunner
from syft.server.open_node import open_node
from syft.server.serve import Failed, Ready, serve
from syft.version import VERSION


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
@click.option("--server-type", default="datasite", show_default=True, help="What kind of node it is.")
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
            click.echo(
                f'Log in: sy.login(port={where.port}, email="{DEFAULT_EMAIL}", password="{DEFAULT_PASSWORD}")'
            )
            click.echo("Everybody knows this password; change it before anybody else can reach this machine.")
        click.echo("Ctrl-C stops it; its data stays.")
        # The fence may still be proving itself, and the server answers meanwhile.
        threading.Thread(target=tell_isolation, args=(node,), daemon=True).start()

    try:
        settings = Settings.from_env(os.environ)
        configure(settings.log_level)
        node = open_node(settings, name, reset=reset, kind=server_type, side_type=side)
        serve(node, host=host, port=port, on_ready=ready, lifeline=0 if notify else None)
    except SyftException as error:
        if notify:
            sys.stdout.buffer.write(msgspec.json.encode(Failed(error.code, error.public_message)) + b"\n")
        raise click.ClickException(error.public_message) from error


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
        finally:
            runner.close()
    except SyftException as error:
        raise click.ClickException(error.public_message) from error
    click.echo(msgspec.json.encode(examined) if as_json else as_text(examined))
    sys.exit(1 if examined.breaches else 0)


def tell_isolation(node: Node) -> None:
    """Say behind which fence submitted code runs here, or why it does not run."""
    try:
        level = node.isolation()
    except SyftException as error:
        click.echo(error.public_message, err=True)
        return
    click.echo(f"Submitted code runs at isolation level '{level}': {PROMISES[level]}.")


if __name__ == "__main__":
    main()
