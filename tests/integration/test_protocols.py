"""Protocols over datasites that are processes of their own, as the people who use them do it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import syft as sy
from support.people import ROOT
from support.servers import ServerProcess
from syft.errors import NotApproved, NotFound, StepFailed
from syft.messaging.protocol import PointerProtocol
from syft.model.request import RequestState

ADA, EVE = ("ada@x.org", "lovelace"), ("eve@x.org", "password")
NAMES = ("berlin", "lisbon", "oslo", "james")


class World:
    """Four datasites, their administrators, and two scientists with an account at each."""

    def __init__(self, servers: dict[str, ServerProcess]) -> None:
        self.servers = servers
        self.owners = {name: sy.login(*ROOT, url=server.url) for name, server in servers.items()}
        for number, owner in enumerate(self.owners.values()):
            for email, password in (ADA, EVE):
                owner.users.create(email=email, name=email.split("@")[0], password=password)
            data = np.arange(10.0) + number
            asset = sy.Asset(name="numbers", data=data, mock=data * 0 + 1)
            owner.upload_dataset(sy.Dataset(name="study", asset_list=[asset]))
        self.ada = {name: self.login(name, *ADA) for name in servers}
        self.eve = {name: self.login(name, *EVE) for name in servers}

    def login(self, name: str, email: str, password: str) -> sy.Client:
        return sy.login(email, password, url=self.servers[name].url)

    def asset(self, name: str) -> Any:
        return self.ada[name].datasets["study"].assets["numbers"]

    def approve(self) -> None:
        for owner in self.owners.values():
            for request in owner.requests.get_all_pending():
                request.approve()

    def pending(self) -> int:
        return sum(len(owner.requests.get_all_pending()) for owner in self.owners.values())


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    home: Path = tmp_path_factory.mktemp("homes")
    with ExitStack() as stack:
        yield World({name: stack.enter_context(ServerProcess(home, name)) for name in NAMES})


@sy.func2plan(args_shape=[(1,)])
def inc(x):
    return x + 1


@sy.func2plan(args_shape=[(1,)])
def double(x):
    return x * 2


@sy.syft_function()
def total(numbers):
    return float(numbers.sum())


@sy.syft_function()
def ratio(one, other):
    return one / other


def a_ratio(world: World, name: str) -> sy.Protocol:
    here = sy.Step("first", total, numbers=world.asset("berlin"))
    there = sy.Step("second", total, numbers=world.asset("lisbon"))
    return sy.Protocol([sy.Step("third", ratio, one=here, other=there)], description=name)


def test_a_protocol_runs_when_all_have_agreed_and_not_before(world: World) -> None:
    made = a_ratio(world, "agreed")
    assert made.dry_run() == 1.0
    made.deploy(first=world.ada["berlin"], second=world.ada["lisbon"], third=world.ada["oslo"])
    with pytest.raises(NotApproved, match=r"step 1 at 'first' \(berlin\) is PENDING"):
        made.run()
    for name in ("berlin", "lisbon"):
        for request in world.owners[name].requests.get_all_pending():
            request.approve()
    with pytest.raises(
        NotApproved, match=r"As it stands step 3 at 'third' \(oslo\) is PENDING. .*waits for the owners"
    ):
        made.run()
    world.approve()
    made.wait_for_approval(10)
    assert made.run().get() == np.arange(10.0).sum() / (np.arange(10.0) + 1).sum()
    with pytest.raises(
        NotApproved, match=r"was run as often as was approved.*put the steps into a new protocol"
    ):
        made.run()


def test_an_asset_that_is_passed_to_a_run_is_told_where_to_name_it(world: World) -> None:
    made = sy.Protocol([("first", total)]).deploy(world.ada["berlin"])
    world.approve()
    with pytest.raises(
        StepFailed, match=r"'numbers' of 'study' is at its site, so you cannot pass it.*bind="
    ):
        made.run(world.asset("berlin"))


def test_an_owner_reads_all_of_it_and_says_no(world: World) -> None:
    made = a_ratio(world, "denied")
    made.deploy(first=world.ada["berlin"], second=world.ada["lisbon"], third=world.ada["oslo"])
    (request,) = world.owners["lisbon"].requests.get_all_pending()
    text = str(request)
    assert "Step 2 of 3" in text
    assert "step 3" in text
    assert "'oslo'" in text
    assert "numbers.sum()" in str(request.protocol)
    assert "one / other" in str(request.protocol)
    # What it runs on at every site, and not one word twice.
    assert str(request.protocol).count("numbers is 'numbers' of 'study'") == 2
    assert "Description: denied" in str(request.protocol)
    assert request.changes.startswith("Step 2 of 3 of protocol 'denied'. Request to change total ")
    assert text.count("hands its result over") == 1
    request.deny("not to Oslo")
    with pytest.raises(NotApproved, match=r"\(lisbon\) is REJECTED \(not to Oslo\).*That stays so"):
        made.wait_for_approval(0)
    made.deployed.withdraw()
    assert world.pending() == 0


def test_a_site_that_does_not_take_its_step_leaves_nothing_asked_anywhere(world: World) -> None:
    here = sy.Step("first", total, numbers=world.asset("berlin"))
    # An asset of another site: Lisbon does not have it.
    there = sy.Step("second", total, numbers=world.asset("berlin"))
    made = sy.Protocol([sy.Step("third", ratio, one=here, other=there)])
    roles = {"first": world.ada["berlin"], "second": world.ada["lisbon"], "third": world.ada["oslo"]}
    with pytest.raises(StepFailed, match=r"Step 2 of 3, 'total' at 'second' \(lisbon\)") as caught:
        made.deploy(**roles)
    assert (caught.value.step, caught.value.role, caught.value.site) == (2, "second", "lisbon")
    assert world.pending() == 0
    assert not made.workers_resolved
    states = {one.status for one in world.ada["berlin"].requests if one.code.name == "total"}
    assert RequestState.WITHDRAWN in states


def test_guests_deploy_nothing(world: World) -> None:
    guest = sy.login_as_guest(url=world.servers["oslo"].url)
    with pytest.raises(sy.AuthorizationException, match="Log in first"):
        sy.Protocol([("a", inc), ("b", inc)]).deploy(world.ada["berlin"], guest)
    assert world.pending() == 0


def test_a_failing_step_is_named_and_the_others_are_told(world: World) -> None:
    @sy.syft_function()
    def fails(x):
        raise ValueError(f"secret {x}")

    made = sy.Protocol([("a", inc), ("b", fails), ("c", inc)])
    made.deploy(world.ada["berlin"], world.ada["lisbon"], world.ada["oslo"], runs=3)
    world.approve()
    with pytest.raises(StepFailed, match=r"Step 2 of 3, 'fails' at 'b' \(lisbon\)") as caught:
        made.run(1234.0)
    assert "1235" not in str(caught.value)
    assert caught.value.__context__ is not None


def test_a_value_of_10_mib_goes_through_three_sites(world: World) -> None:
    value = np.random.default_rng(0).normal(size=10 * 1024 * 1024 // 8)
    made = sy.Protocol([("a", inc), ("b", double), ("c", inc)], description="large")
    made.deploy(world.ada["berlin"], world.ada["lisbon"], world.ada["oslo"])
    world.approve()
    np.testing.assert_allclose(made.run(value).get(), (value + 1) * 2 + 1)


def test_two_scientists_run_beside_each_other_and_get_their_own(world: World) -> None:
    protocols = {}
    for who, clients in (("ada", world.ada), ("eve", world.eve)):
        made = sy.Protocol([("a", inc), ("b", double), ("a", inc)], description="side by side")
        made.deploy(clients["berlin"], clients["lisbon"], runs=5)
        protocols[who] = made
    world.approve()
    found: dict[str, list[float]] = {"ada": [], "eve": []}

    def run(who: str, begin: float) -> None:
        for number in range(5):
            found[who].append(float(protocols[who].run(begin + number).get()))

    threads = [threading.Thread(target=run, args=one) for one in (("ada", 0.0), ("eve", 100.0))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {
        "ada": [(number + 1) * 2 + 1.0 for number in range(5)],
        "eve": [(number + 101) * 2 + 1.0 for number in range(5)],
    }


def test_a_worker_of_ones_own_takes_part_beside_datasites(world: World) -> None:
    here = sy.Step("berlin", total, numbers=world.asset("berlin"))
    there = sy.Step("lisbon", total, numbers=world.asset("lisbon"))
    made = sy.Protocol([sy.Step("analyst", ratio, one=here, other=there)], description="mine")
    analyst = sy.VirtualWorker(id="analyst of one's own")
    made.deploy(berlin=world.ada["berlin"], lisbon=world.ada["lisbon"], analyst=analyst)
    world.approve()
    assert made.run().get() == 45 / 55
    analyst.close()


def test_owners_of_all_sites_run_at_once(world: World) -> None:
    owners = world.owners
    made = sy.Protocol([("a", inc), ("b", double), ("c", inc)])
    made.deploy(owners["berlin"], owners["lisbon"], owners["oslo"])
    there = sy.send(np.array([5.0]), owners["berlin"])
    assert made.run(there).get() == np.array([13.0])
    assert world.pending() == 0


def test_it_is_found_at_a_fourth_site_by_who_may_see_it_fetched_deployed_and_run(world: World) -> None:
    made = sy.Protocol(
        [("w1", inc), ("w2", double), ("w1", inc)], tags=["#shared"], description="three steps"
    )
    pointer = made.share(world.ada["james"], pointable=False)
    search = sy.local_worker.request_search
    # Not for everybody: as long as nobody is named, it is not there for Eve.
    assert search("#shared", location=world.eve["james"]) == []
    with pytest.raises(NotFound):
        world.eve["james"].objects.get_by_uid(pointer.id)
    pointer.grant(EVE[0])
    (found,) = search("#shared", location=world.eve["james"])
    assert isinstance(found, PointerProtocol)
    fetched = found.get()
    assert [role for role, _ in fetched.plans] == ["w1", "w2", "w1"]
    assert (fetched.tags, fetched.description) == ({"#shared"}, "three steps")
    fetched.deploy(world.eve["lisbon"], world.eve["oslo"])
    world.approve()
    assert fetched.run(np.array([5.0])).get() == np.array([13.0])
    pointer.withdraw_grant(EVE[0])
    assert search("#shared", location=world.eve["james"]) == []
    guest = sy.login_as_guest(url=world.servers["james"].url)
    assert search("#shared", location=guest) == []


def test_parameters_of_what_another_put_together_are_bound_where_it_is_deployed(world: World) -> None:
    @sy.syft_function()
    def mean(numbers):
        return float(numbers.mean())

    general = sy.Protocol([sy.Step("site", mean)], tags=["#mean"])
    general.send(world.ada["james"])
    (found,) = sy.local_worker.request_search("#mean", location=world.eve["james"])
    mine = found.get()
    assets = {"site": {"numbers": world.eve["oslo"].datasets["study"].assets["numbers"]}}
    mine.deploy(world.eve["oslo"], bind=assets)
    world.approve()
    assert mine.run().get() == (np.arange(10.0) + 2).mean()


def test_a_secure_sum_over_three_sites(world: World) -> None:
    sites = ("berlin", "lisbon", "oslo")
    parts = {name: sy.Step(name, total, numbers=world.asset(name)) for name in sites}
    made = sy.Protocol([sy.secure_sum(parts, at="oslo")], description="secure")
    made.deploy(**{name: world.ada[name] for name in sites})
    world.approve()
    assert made.run().get() == pytest.approx(sum((np.arange(10.0) + n).sum() for n in range(3)))
