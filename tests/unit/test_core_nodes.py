"""Nodes in nodes by the door of 2021: registration in any order, addresses that grow, letters that wait."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from nacl.signing import VerifyKey

import syft as sy
from syft.core.common.message import EventualSyftMessageWithoutReply
from syft.core.node.common.service.auth import AuthorizationException, service_auth
from syft.core.node.common.service.node_service import EventualNodeServiceWithoutReply
from syft.errors import EnvelopeError, InvalidInput


@pytest.fixture
def make() -> Iterator[Callable[..., Any]]:
    """Makes nodes, and closes them."""
    made: list[Any] = []

    def one(kind: Any, name: str = "") -> Any:
        made.append(kind(name=name or kind.__name__))
        return made[-1]

    yield one
    for node in made:
        node.close()


def parts(node: Any) -> set[Any]:
    address = node.address
    return {uid for uid in (address.network_id, address.domain_id, address.device_id, address.vm_id) if uid}


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_any_order_of_registration_gives_the_same_addresses(make: Any, order: tuple[int, ...]) -> None:
    """Reference 7; and every child learns of it, not the first only."""
    network, domain, device = make(sy.Network), make(sy.Domain), make(sy.Device)
    machines = [make(sy.VirtualMachine, name) for name in ("one", "two")]
    client = {id(node): node.get_root_client() for node in (network, domain, device, *machines)}

    def register(parent: Any, *children: Any) -> None:
        for child in children:
            client[id(parent)].register(client=client[id(child)])

    steps = ((network, domain), (domain, device), (device, *machines))
    for step in order:
        register(*steps[step])
    above = {network.id, domain.id, device.id}
    for machine in machines:
        assert parts(machine) == above | {machine.id}
        assert machine in device.known_child_nodes
    assert parts(device) == above
    assert parts(domain) == {network.id, domain.id}
    assert network.known_child_nodes == [domain.address]
    # A second time nothing changes.
    before = len(device.known_nodes)
    register(*steps[2])
    assert (len(device.known_nodes), parts(machines[0])) == (before, above | {machines[0].id})


@pytest.mark.parametrize(
    ("parent", "child"),
    [(sy.VirtualMachine, sy.Device), (sy.Device, sy.Domain), (sy.Domain, sy.Network), (sy.Device, sy.Device)],
)
def test_upside_down_is_refused(make: Any, parent: Any, child: Any) -> None:
    above, below = make(parent), make(child)
    with pytest.raises(InvalidInput, match="cannot be part of"):
        above.get_root_client().register(client=below.get_root_client())
    assert above.known_nodes == below.known_nodes == []


@pytest.mark.parametrize("guest", ["parent", "child"])
def test_a_guest_s_registration_leaves_no_trace(make: Any, guest: str) -> None:
    """Reference 7, fault (d)."""
    device, machine = make(sy.Device), make(sy.VirtualMachine)
    parent, child = device.get_root_client(), machine.get_root_client()
    if guest == "parent":
        parent = device.get_client()
    else:
        child = machine.get_client()
    before = child.address, parent.address
    with pytest.raises(AuthorizationException):
        parent.register(client=child)
    assert (child.address, parent.address) == before
    assert device.known_nodes == machine.known_nodes == []
    assert parts(machine) == {machine.id}
    # Neither can reach the other by it.
    with pytest.raises(EnvelopeError, match=r"Address unknown - cannot forward message\. Throwing it away\."):
        parent.send_immediate_msg_without_reply(msg=sy.ReprMessage(address=machine.address))


def test_a_machine_that_moves_leaves_where_it_was(make: Any) -> None:
    old, new, machine = make(sy.Device, "old"), make(sy.Device, "new"), make(sy.VirtualMachine)
    client = machine.get_root_client()
    old.get_root_client().register(client=client)
    new.get_root_client().register(client=client)
    assert parts(machine) == {new.id, machine.id}
    # The old parent grows; what it says to the one that left is not taken.
    make(sy.Domain).get_root_client().register(client=old.get_root_client())
    assert parts(machine) == {new.id, machine.id}


class Note(EventualSyftMessageWithoutReply[Any]):
    """Remember this."""

    fields = ("text",)

    def __init__(self, text: str, address: Any = None, msg_id: Any = None) -> None:
        super().__init__(address, msg_id)
        self.text = text


def note_taker(heard: list[str]) -> Any:
    class Remember(EventualNodeServiceWithoutReply):
        @staticmethod
        @service_auth(guests_welcome=True)
        def process(node: Any, msg: Any, verify_key: VerifyKey) -> None:
            heard.append(msg.text)

        @staticmethod
        def message_handler_types() -> list[type[Any]]:
            return [Note]

    return Remember


def until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not true() and time.monotonic() < end:
        time.sleep(0.005)
    assert true()


def test_a_letter_goes_from_node_to_node_and_is_handled_once(make: Any) -> None:
    """Issue 4, 3: through the outbox of each node, also where the sender is nobody's guest but the first's."""
    domain, device = make(sy.Domain), make(sy.Device)
    client = domain.get_root_client()
    client.register(client=device.get_root_client())
    heard: list[str] = []
    device.add_service(note_taker(heard))
    note = Note("hello", address=device.address)
    signed = note.sign(signing_key=client.signing_key)
    for _ in range(3):  # the same letter three times, as when an acknowledgement was lost
        client.send_eventual_msg_without_reply(msg=signed)
    client.send_eventual_msg_without_reply(msg=Note("again", address=device.address))
    until(lambda: "again" in heard)
    assert heard == ["hello", "again"]


def test_a_letter_waits_until_the_node_can_be_reached(make: Any) -> None:
    domain, device = make(sy.Domain), make(sy.Device)
    client = domain.get_root_client()
    client.register(client=device.get_root_client())
    heard: list[str] = []
    device.add_service(note_taker(heard))
    route = domain.peers.route_to(domain.peers.find(device.id))
    domain.attach(device.id, None)
    client.send_eventual_msg_without_reply(msg=Note("later", address=device.address))
    time.sleep(0.1)
    assert heard == []
    domain.attach(device.id, route)
    until(lambda: heard == ["later"])


def test_a_part_that_is_away_is_told_of_its_place_later(make: Any) -> None:
    domain, device, machine = make(sy.Domain), make(sy.Device), make(sy.VirtualMachine)
    client = device.get_root_client()
    client.register(client=machine.get_root_client())
    route = device.peers.route_to(device.peers.find(machine.id))
    device.attach(machine.id, None)
    domain.get_root_client().register(client=client)
    assert parts(device) == {domain.id, device.id}
    assert parts(machine) == {device.id, machine.id}
    device.attach(machine.id, route)
    until(lambda: parts(machine) == {domain.id, device.id, machine.id})


def test_what_wants_an_answer_cannot_wait(make: Any) -> None:
    """A kind whose service is not an eventual one."""
    device = make(sy.Device)
    client = device.get_root_client()
    heard: list[str] = []
    taker = note_taker(heard)
    taker.may_wait = False
    device.add_service(taker)
    client.send_eventual_msg_without_reply(msg=Note("x", address=device.address))
    log = device.open().store

    def returned() -> list[str]:
        with log.reading() as reader:
            return [one.event.detail["code"] for one in reader.events() if one.event.verb == "mail.returned"]

    until(lambda: returned() == ["invalid_input"])
    assert heard == []
