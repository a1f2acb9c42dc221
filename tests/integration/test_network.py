"""A gateway and two datasites, each a process of its own, over real HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pytest

import syft as sy
from support.people import ROOT
from support.servers import ServerProcess
from syft.errors import AuthenticationError


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
    found = sy.login_as_guest(url=world.gateway.url).search("SHIPS")
    assert [(one.member.name, one.dataset.name) for one in found] == [("lisbon", "age of ships")]
    assert found.silent == {}
