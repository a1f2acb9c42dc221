"""A protocol over datasites that are processes of their own: through a gateway, carried by hand, and killed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import syft as sy
from support.people import ROOT, Person
from support.protocols import Deployed, deploy, step
from support.servers import ServerProcess
from support.sites import PASSWORD, asset_of
from syft.model.job import JobState
from syft.model.messages import users
from syft.model.messages.requests import GetRequest, RequestReply
from syft.model.permission import Role
from syft.model.protocol import FromStep


@dataclass
class World:
    """Three datasites, their administrators, and Ada with an account at each; a gateway that two are members of."""

    home: Path
    servers: dict[str, ServerProcess]
    owners: dict[str, Person]
    people: dict[str, Person]

    def deployed(self, first: str, second: str, body: str = "return bytes(data * 6_000_000)") -> Deployed:
        """One step at a site, another at the next."""
        data = asset_of(self.owners[first].upload(f"data {sy.UID().hex}", 1, 0))
        steps = [
            step(first, body, objects={"data": data}),
            step(second, "return len(x)", taken={"x": FromStep(0)}),
        ]
        return deploy(steps, self.people, self.owners)


def person_at(server: ServerProcess, email: str = ROOT[0], password: str = ROOT[1]) -> Person:
    return Person(server.route()).log_in(email, password)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    home = tmp_path_factory.mktemp("homes")
    with ExitStack() as stack:
        gateway = stack.enter_context(ServerProcess(home, "net", "--server-type", "gateway"))
        servers = {
            name: stack.enter_context(ServerProcess(home, name)) for name in ("berlin", "lisbon", "oslo")
        }
        owners = {name: person_at(server) for name, server in servers.items()}
        people = {}
        for name, server in servers.items():
            admin = owners[name]
            account = users.CreateUser("ada@x.org", "Ada", admin.sealed(PASSWORD), Role.DATA_SCIENTIST)
            admin.say(account, users.UserReply)
            people[name] = person_at(server, "ada@x.org", PASSWORD)
            if name != "oslo":
                sy.login(*ROOT, url=server.url).connect_to_gateway(sy.login(*ROOT, url=gateway.url))
        yield World(home, servers, owners, people)


def result(deployed: Deployed, number: int) -> Any:
    job = deployed.do(number).job
    assert job.state is JobState.RELEASED, job.note
    return deployed.at(number).read(job.result_uid)


def test_members_of_a_gateway_hand_over_through_it(world: World) -> None:
    deployed = world.deployed("berlin", "lisbon")
    assert deployed.do(0).handed_over == (True,)
    assert result(deployed, 1) == 6_000_000
    deployed.end()


def test_a_site_that_nobody_knows_is_served_by_hand(world: World) -> None:
    deployed = world.deployed("berlin", "oslo")
    assert deployed.do(0).handed_over == (False,)
    deployed.carry(0)
    assert result(deployed, 1) == 6_000_000
    deployed.end()


def test_reviewers_are_told_which_sites_are_known(world: World) -> None:
    """Members of the same gateway are; a site that only the requester speaks of is not, whatever it is called."""
    for second, known in (("lisbon", {"berlin", "lisbon"}), ("oslo", {"berlin"})):
        deployed = world.deployed("berlin", second)
        asked = GetRequest(uid=deployed.requests[0].uid)
        seen = world.owners["berlin"].say(asked, RequestReply).request.known_sites
        assert {one.name for one in seen} == known
        # Whom a node knows is not for those who ask.
        assert world.people["berlin"].say(asked, RequestReply).request.known_sites == ()
        client = sy.login(*ROOT, url=world.servers["berlin"].url)
        request = client.requests.get_by_uid(deployed.requests[0].uid)
        assert [site.is_known for site in request.protocol.sites] == [True, second == "lisbon"]
        text = repr(request)
        assert (
            f"Step 1 of 2 of protocol 'a protocol' ({deployed.digest[:12]}) by user Ada (ada@x.org)" in text
        )
        assert f"hands its result over to step 2, as 'x', at '{second}'" in text
        assert ("not known here: compare the key" in text) is (second == "oslo")
        assert "return len(x)" in repr(request.protocol)


def test_what_has_arrived_survives_kill_9(world: World) -> None:
    deployed = world.deployed("berlin", "oslo")
    deployed.do(0)
    deployed.carry(0)
    world.servers["oslo"].kill()
    with ServerProcess(world.home, "oslo") as again:
        world.people["oslo"].route = again.route()
        assert result(deployed, 1) == 6_000_000
