"""This module gets from an address, an e-mail and a password to a client."""

from __future__ import annotations

import getpass
from typing import Final
from urllib.parse import urlsplit

from syft.client.client import Client
from syft.client.network import SearchResult
from syft.client.present import SyftSuccess, cell
from syft.errors import InvalidInput, NodeUnreachable
from syft.transport.base import Route
from syft.transport.http import HttpRoute

_EXAMPLES: Final = "An address looks like 'localhost', 'http://localhost:8080' or 'https://data.example.org'."
# Where a server says that it listens is not always where one can call it.
_EVERYWHERE: Final = ("0.0.0.0", "::")  # noqa: S104 - replaced, not listened on


def normal_url(url: str, port: int | str | None = None) -> str:
    """The address in full, without a slash at its end.

    Args:
        url: a host, or an address with scheme, port and path.
        port: where the address has none.
    Raises:
        InvalidInput: not an address, or two different ports.
    """
    text = str(url).strip()
    try:
        parts = urlsplit(text if "://" in text else f"http://{text}")
        host, written = parts.hostname, parts.port
    except ValueError:
        raise InvalidInput(f"'{text[:200]}' is not an address. {_EXAMPLES}") from None
    if parts.scheme not in ("http", "https") or not host or parts.query or parts.fragment:
        raise InvalidInput(f"'{text[:200]}' is not an address. {_EXAMPLES}")
    if parts.username is not None:
        raise InvalidInput("Leave name and password out of the address; give them as email= and password=.")
    given = _port_number(port)
    if given is not None and written is not None and given != written:
        raise InvalidInput(
            f"The address says port {written}, and port={given} says another. Give one of them."
        )
    number = given if given is not None else written
    if host in _EVERYWHERE:
        host = "localhost"
    shown = f"[{host}]" if ":" in host else host
    place = shown if number is None else f"{shown}:{number}"
    return f"{parts.scheme}://{place}{parts.path.rstrip('/')}"


def _port_number(port: int | str | None) -> int | None:
    """The port, where one is given.

    Raises:
        InvalidInput: not a number between 1 and 65535.
    """
    if port is None:
        return None
    try:
        number = int(port)
    except (TypeError, ValueError):
        number = 0
    if not 1 <= number <= 65535:
        raise InvalidInput(f"'{port}' is not a port; one is a number from 1 to 65535, such as `node.port`.")
    return number


def connect(
    url: str = "http://localhost", port: int | str | None = None, *, route: Route | None = None
) -> Client:
    """A client that has not logged in.

    Args:
        url: where the node is.
        port: where `url` has none.
        route: the way there, in place of an address.
    Raises:
        NodeUnreachable: nobody answers there.
    """
    return Client.guest(HttpRoute(normal_url(url, port)) if route is None else route)


def login(
    email: str,
    password: str | None = None,
    url: str = "http://localhost",
    port: int | str | None = None,
    *,
    route: Route | None = None,
) -> Client:
    """A client for an account.

    Args:
        email: the account's login.
        password: asked for when left out.
        url: where the node is.
        port: where `url` has none.
        route: the way there, in place of an address.
    Raises:
        AuthenticationError: e-mail and password do not belong together.
        NodeUnreachable: nobody answers there.
    """
    guest = _connected(url, port, route)
    if password is None:
        password = getpass.getpass(f"Password for {email} at {cell(guest.name)}: ")
    return guest.login(email, password)


def login_as_guest(
    url: str = "http://localhost", port: int | str | None = None, *, route: Route | None = None
) -> Client:
    """A client that can look around.

    Args:
        url: where the node is.
        port: where `url` has none.
        route: the way there, in place of an address.
    Raises:
        NodeUnreachable: nobody answers there.
    """
    return _connected(url, port, route).login_as_guest()


def register(
    url: str = "http://localhost",
    port: int | str | None = None,
    *,
    name: str,
    email: str,
    password: str | None = None,
    password_verify: str | None = None,
    institution: str | None = None,
    website: str | None = None,
    route: Route | None = None,
) -> SyftSuccess:
    """Make an account for yourself.

    Args:
        url: where the node is.
        port: where `url` has none.
        name: shown to others.
        email: its login.
        password: travels sealed to the node's key; asked for, twice, when left out.
        password_verify: the same again, where it was typed.
        institution: free text.
        website: free text.
        route: the way there, in place of an address.
    Raises:
        AuthorizationException: the node does not let guests register.
        AlreadyExists: the e-mail has an account.
        NodeUnreachable: nobody answers there.
    """
    return _connected(url, port, route).register(name, email, password, password_verify, institution, website)


def search(
    text: str,
    url: str = "http://localhost",
    port: int | str | None = None,
    *,
    route: Route | None = None,
) -> SearchResult:
    """Datasets and findable objects with that text, at every member of a gateway.

    Args:
        text: to look for, in any case.
        url: where the gateway is.
        port: where `url` has none.
        route: the way there, in place of an address.
    Raises:
        InvalidState: at that address there is no gateway.
        NodeUnreachable: nobody answers there.
    """
    return _connected(url, port, route).search(text)


def _connected(url: str, port: int | str | None, route: Route | None) -> Client:
    """`connect`, with a word about nodes that have no port."""
    try:
        return connect(url, port, route=route)
    except NodeUnreachable as error:
        if port is not None or route is not None or urlsplit(normal_url(url)).port is not None:
            raise
        raise NodeUnreachable(
            f"{error.public_message} No port was given: a node that was launched without one is in the process that "
            'launched it; log in there with `node.login(...)`, or launch it with port="auto".'
        ) from None
