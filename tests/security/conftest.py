"""A node of its own for each file of security tests, with people of every role on it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from support.neighbours import Between, Network, network_in
from support.sites import Cast, cast_on, opened
from syft.node import mail
from syft.transport.memory import MemoryRoute


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cast]:
    """A running node and its people."""
    home = tmp_path_factory.mktemp("site")
    with opened(home) as node:
        yield cast_on(node, home)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    """A gateway and two datasites that are members."""
    with network_in(tmp_path_factory.mktemp("network")) as world:
        yield world


@pytest.fixture
def line(world: Network) -> Iterator[Between]:
    """Somebody between the gateway and Berlin, honest so far."""
    yield world.sit_before(world.berlin)
    world.gateway.attach(world.berlin.uid, MemoryRoute(world.berlin))


@pytest.fixture
def quick_mail(monkeypatch: pytest.MonkeyPatch) -> None:
    """What has to wait waits a moment only."""
    monkeypatch.setattr(mail, "_FIRST_PAUSE_S", 0.02)
    monkeypatch.setattr(mail, "MAX_PAUSE_S", 0.1)
