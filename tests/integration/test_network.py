"""A gateway and two datasites, each a process of its own, over real HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

import syft as sy
from support.people import ROOT
from support.servers import ServerProcess
from syft.errors import AuthenticationError, InvalidState, NodeUnreachable


@dataclass
class World:
    """Who is there, each with its administrator's client."""

    gateway: ServerProcess
    berlin: ServerProcess
    lisbon: ServerProcess

    def admin(self, server: ServerProcess) -> sy.Client:
        return sy.login(*ROOT, url=server.url)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    home = tmp_path_factory.mktemp("homes")
    with (
        ServerProcess(home, "net", "--server-type", "gateway") as gateway,
        ServerProcess(home, "berlin") as berlin,
        ServerProcess(home, "lisbon") as lisbon,
    ):
        world = World(gateway, berlin, lisbon)
        for server, topic in ((berlin, "age of trees"), (lisbon, "age of ships")):
            admin = world.admin(server)
            data = np.arange(5)
            asset = sy.Asset(name="years", data=data, mock=data * 0)
            admin.upload_dataset(sy.Dataset(name=topic, asset_list=[asset]))
            admin.connect_to_gateway(world.admin(gateway))
        yield world


def test_a_guest_looks_at_members_through_the_gateway(world: World) -> None:
    guest = sy.login_as_guest(url=world.gateway.url)
    assert [member.name for member in guest.members.get_all()] == ["berlin", "lisbon"]
    there = guest.domains[0]
    assert there.name == "berlin"
    assert [one.name for one in there.datasets] == ["age of trees"]
    assert there.datasets[0].assets[0].mock.sum() == 0
    assert guest.members.get_all()[0].reachable is True


def test_log_in_and_large_values_through_the_gateway(world: World) -> None:
    guest = sy.login_as_guest(url=world.gateway.url)
    # The default password is for the machine itself; what comes through a gateway may come from anywhere.
    with pytest.raises(AuthenticationError, match="own machine"):
        guest.proxy_client_for("berlin").login(*ROOT)
    world.admin(world.berlin).users.create(
        email="ada@x.org", name="Ada", password="lovelace", role="data owner"
    )
    ada = guest.proxy_client_for("berlin").login("ada@x.org", "lovelace")
    data = np.arange(3_000_000)
    asset = sy.Asset(name="big", data=data, mock=data[:10])
    ada.upload_dataset(sy.Dataset(name="big one", asset_list=[asset]))
    assert int(ada.datasets["big one"].assets[0].data.sum()) == int(data.sum())


def test_search_asks_every_member(world: World) -> None:
    found = sy.search("SHIPS", url=world.gateway.url)
    assert [(one.member.name, one.name) for one in found] == [("lisbon", "age of ships")]
    owner = world.admin(world.berlin)
    owner.objects.send(np.arange(4), tags=("ships",), description="of the lake")
    owner.objects.send(np.arange(5), tags=("hidden ships",), pointable=False)
    found = sy.login_as_guest(url=world.gateway.url).search("ships")
    assert [(one.member.name, one.dataset is None) for one in found] == [("berlin", True), ("lisbon", False)]
    assert found[0].object.description == "of the lake"
    assert found.silent == {}
    with pytest.raises(InvalidState, match="not a gateway"):
        sy.search("ships", url=world.lisbon.url)


def test_a_function_is_approved_and_run_through_the_gateway(world: World) -> None:
    """As the guide does it, but that the scientist reaches the datasite through the gateway only."""
    owner = world.admin(world.berlin)
    owner.users.create(email="eve@x.org", name="Eve", password="123")
    eve = sy.login_as_guest(url=world.gateway.url).proxy_client_for("berlin").login("eve@x.org", "123")
    asset = eve.datasets["age of trees"].assets[0]

    @sy.syft_function_single_use(years=asset)
    def total(years):  # type: ignore[no-untyped-def]
        return int(years.sum())

    eve.code.request_code_execution(total, reason="How old are they together?")
    (request,) = [one for one in owner.requests if one.code.service_func_name == "total"]
    request.approve()
    assert eve.code.total(years=asset).get() == 10
    assert len(eve.jobs) == 1


def test_a_member_that_is_away_is_named_and_routes_survive_a_restart(tmp_path: Path) -> None:
    """Issue 4, 5: health of members; routes that survive a restart, of the gateway and of a member."""
    with ServerProcess(tmp_path, "site") as site:
        port = str(site.ready.port)
        with ServerProcess(tmp_path, "net", "--server-type", "gateway") as net:
            data = np.arange(3)
            asset = sy.Asset(name="a", data=data, mock=data)
            admin = sy.login(*ROOT, url=site.url)
            admin.upload_dataset(sy.Dataset(name="one", asset_list=[asset]))
            guest = sy.login_as_guest(url=net.url)
            said = admin.connect_to_gateway(guest)
            assert "Its administrator decides" in str(said)
            assert len(guest.members) == 0
            net_admin = sy.login(*ROOT, url=net.url)
            assert [one.name for one in net_admin.members.pending] == ["site"]
            net_admin.members.accept("site")
            assert len(guest.search("one")) == 1
            net.kill()
        with ServerProcess(tmp_path, "net", "--server-type", "gateway") as net:
            guest = sy.login_as_guest(url=net.url)
            assert len(guest.search("one")) == 1
            site.kill()
            away = guest.search("one")
            assert (len(away), list(away.silent)) == (0, ["site"])
            assert "cannot be reached" in away.silent["site"]
            there = guest.members["site"]
            with pytest.raises(NodeUnreachable, match="gateway 'net' did not pass the message on"):
                there.refresh()
            with ServerProcess(tmp_path, "site", "--port", port):
                there.refresh()
                assert len(guest.search("one")) == 1
            assert "site" in repr(guest.members)
