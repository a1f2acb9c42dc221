"""The door of 2021: addresses, messages, keys and services of one's own, on the one node."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from nacl.signing import SigningKey, VerifyKey

import syft as sy
from syft import logger
from syft.core.common.message import ImmediateSyftMessageWithReply
from syft.core.common.signed import SignedImmediateSyftMessageWithoutReply
from syft.core.node.common.service.auth import AuthorizationException, service_auth
from syft.core.node.common.service.node_service import ImmediateNodeServiceWithReply
from syft.errors import EnvelopeError, InvalidInput, StaleMessage
from syft.node.node import Node
from syft.util import key_emoji

# A signed message on our own wire format, written once: what it is must never change.
SEED = bytes.fromhex("e89ff2e651b42393b6ecb5956419088781309d953d72bd73a0968525a3a6a951")
VERIFY_KEY = "81ffccfc37c4552e8a2a1f223d3010c4ef88c83001f07d330bd497ad2f508f0f"


@pytest.fixture
def story() -> Iterator[list[str]]:
    """The lines that are told from now on."""
    lines: list[str] = []
    logger.add(lines.append, level="DEBUG")
    yield lines
    logger.remove()


@pytest.fixture
def device() -> Iterator[Any]:
    device = sy.Device(name="Bob's iPhone")
    yield device
    device.close()


@pytest.mark.parametrize(
    ("hexadecimal", "emoji"),
    [
        ("3176a99e4a1f4d35b02dcdaba6459c5e", "<UID:🚸🚂>"),
        ("8e91e48ecbb64c918b89bab742a5b1d0", "<UID:🚩🙾>"),
        ("fb1bb0675bb74c49becee700ab0a1514", "<UID:🙍🛖>"),
        ("8c33192ccdd3f34ee2b0c60955df0275", "<UID:🙐🚶>"),
        (f"{1:032x}", "<UID:🙃🙂>"),
        (f"{4:032x}", "<UID:🙆🙂>"),
    ],
)
def test_a_uid_in_two_characters(hexadecimal: str, emoji: str) -> None:
    assert sy.UID.from_string(hexadecimal).emoji() == emoji


@pytest.mark.parametrize(
    ("key", "emoji"),
    [
        (SigningKey(SEED), "🛭"),
        (SigningKey(SEED).verify_key, "🛳"),
        (b"", "🙂"),
        (None, "ALL"),
        ("VERIFYALL", "ALL"),
        (7, "ALL"),
    ],
)
def test_a_key_in_one_character(key: object, emoji: str) -> None:
    assert key_emoji(key=key) == emoji


def test_an_address_is_its_places_and_its_target_the_narrowest() -> None:
    network, domain, device, vm = (sy.SpecificLocation(name=name) for name in "NDPV")
    address = sy.Address("here", network, domain, device, vm)
    assert address.icon == "💠 [🍰📱🏰🔗]"
    assert address.target_id == vm
    assert sy.Address("x", network, domain).target_id == domain
    assert address == sy.Address("elsewhere", network, domain, device, vm)
    assert address != sy.Address("here", network, domain, device)
    assert repr(sy.Address("h", network, vm=vm)) == (
        f"<Address - Network:<SpecificLocation:{network.id.repr_short()}>, "
        f"VM:<SpecificLocation:{vm.id.repr_short()}>>"
    )
    with pytest.raises(ValueError, match="no valid parts"):
        _ = sy.Address("nowhere").target_id


@pytest.mark.parametrize(
    ("kind", "icon", "part"),
    [
        ("Device", "📱", "device"),
        ("VirtualMachine", "🍰", "vm"),
        ("Domain", "🏰", "domain"),
        ("Network", "🔗", "network"),
    ],
)
def test_each_kind_of_node_is_the_one_node(kind: str, icon: str, part: str) -> None:

    node = getattr(sy, kind)(name="n")
    client = node.get_root_client()
    assert isinstance(node, Node)
    assert isinstance(client, sy.Client)
    assert node.icon == icon
    assert getattr(node, part).id == node.id == client.id
    assert node.pprint == f"{icon} n ({kind})@{node.id.emoji()}"
    assert node.address.pprint == f"💠 [{icon}] n (Address)"
    assert repr(node) == f"{kind}: n: {node.id}"
    assert client.name == "n Client"
    assert not node.is_open, "nothing is kept yet, so nothing was opened"
    # The administrator of this node is whoever has the root client; a datasite's lists are there, too.
    assert len(client.datasets) == 0
    assert client.users[0].role.name == "ADMIN"
    node.close()


def test_the_last_root_client_is_the_one_that_may(device: Any) -> None:
    first = device.get_root_client()
    second = device.get_root_client()
    with pytest.raises(AuthorizationException):
        first.send_immediate_msg_without_reply(msg=sy.ReprMessage(address=first.address))
    second.send_immediate_msg_without_reply(msg=sy.ReprMessage(address=second.address))
    assert second.verify_key == device.root_verify_key
    assert device.keys == f"🔑 {key_emoji(device.verify_key)}🗝 {key_emoji(second.verify_key)}"


def test_what_is_signed_goes_through_anybody_s_client(device: Any, story: list[str]) -> None:
    root, guest = device.get_root_client(), device.get_client()
    message = sy.ReprMessage(address=device.address)
    guest.send_immediate_msg_without_reply(msg=message.sign(signing_key=root.signing_key))
    assert repr(device) in story[-1]


def test_a_signed_message_counts_once(device: Any) -> None:
    """THREATS 2.5: replayed."""
    client = device.get_root_client()
    signed = sy.ReprMessage(address=device.address).sign(signing_key=client.signing_key)
    client.send_immediate_msg_without_reply(msg=signed)
    with pytest.raises(StaleMessage):
        client.send_immediate_msg_without_reply(msg=signed)


def test_a_message_for_another_device_is_not_taken(device: Any) -> None:
    """THREATS 2.5: for another node."""
    other = sy.Device(name="other")
    client = device.get_root_client()
    other.root_verify_key = client.verify_key
    with pytest.raises(EnvelopeError):
        client.send_immediate_msg_without_reply(msg=sy.ReprMessage(address=other.address))


def test_bytes_of_a_signed_message(device: Any) -> None:
    message = sy.ReprMessage(address=device.address)
    signed = message.sign(signing_key=SigningKey(SEED))
    assert signed.verify_key == VerifyKey(bytes.fromhex(VERIFY_KEY))
    blob = sy.serialize(signed, to_bytes=True)
    back = sy.deserialize(blob, from_bytes=True)
    assert isinstance(back, SignedImmediateSyftMessageWithoutReply)
    assert sy.serialize(back, to_bytes=True) == blob
    assert back.is_valid
    assert back.message == back == message == signed
    assert back.message.address == back.address == device.address
    assert sy.serialize(back.message, to_bytes=True) == back.serialized_message == signed.serialized_message
    assert back.obj_type == "syft.core.node.common.service.repr_service.ReprMessage"
    again = sy.deserialize(sy.serialize(message, to_bytes=True), from_bytes=True)
    assert isinstance(again, sy.ReprMessage)
    assert again == message


def test_one_bit_makes_it_invalid_and_unread(device: Any) -> None:
    """THREATS 2.5: one bit flipped anywhere."""
    blob = sy.serialize(
        sy.ReprMessage(address=device.address).sign(signing_key=SigningKey(SEED)), to_bytes=True
    )
    whole = sy.deserialize(blob)
    for place in range(len(blob)):
        flipped = bytearray(blob)
        flipped[place] ^= 1
        signed = type(whole)(bytes(flipped), whole.message)
        assert not signed.is_valid
        with pytest.raises(EnvelopeError):
            _ = signed.signature


class Ask(ImmediateSyftMessageWithReply[Any]):
    """How long is this?"""

    fields = ("text",)

    def __init__(self, text: str, address: Any = None, reply_to: Any = None, msg_id: Any = None) -> None:
        super().__init__(reply_to, address, msg_id)
        self.text = text


class Told(ImmediateSyftMessageWithReply[Any]):
    """So long."""

    fields = ("length",)

    def __init__(self, length: int, address: Any = None, reply_to: Any = None, msg_id: Any = None) -> None:
        super().__init__(reply_to, address, msg_id)
        self.length = length


def _service(**flags: bool) -> Any:
    class Measure(ImmediateNodeServiceWithReply):
        @staticmethod
        @service_auth(**flags)
        def process(node: Any, msg: Any, verify_key: VerifyKey) -> Any:
            return Told(len(msg.text), address=node.address)

        @staticmethod
        def message_handler_types() -> list[type[Any]]:
            return [Ask]

    return Measure


@pytest.mark.parametrize(
    ("flag", "guest", "root"),
    [
        ("root_only", False, True),
        ("admin_only", False, True),
        ("cpl_ofcr_only", False, True),
        ("existing_users_only", False, True),
        ("guests_welcome", True, True),
    ],
)
def test_a_service_of_one_s_own_says_who_may_have_it(device: Any, flag: str, guest: bool, root: bool) -> None:
    device.add_service(_service(**{flag: True}))
    for client, may in ((device.get_client(), guest), (device.get_root_client(), root)):
        if may:
            answer = client.send_immediate_msg_with_reply(msg=Ask("four", address=client.address))
            assert (type(answer), answer.length) == (Told, 4)
        else:
            with pytest.raises(AuthorizationException):
                client.send_immediate_msg_with_reply(msg=Ask("four", address=client.address))


def test_a_service_that_does_not_say_is_not_installed(device: Any) -> None:
    with pytest.raises(InvalidInput, match="configure services auth"):
        _service()

    class Open(ImmediateNodeServiceWithReply):
        @staticmethod
        def message_handler_types() -> list[type[Any]]:
            return [Ask]

    with pytest.raises(InvalidInput, match="decorate"):
        device.add_service(Open)


def test_what_nobody_taught_a_node_it_does_not_take(device: Any) -> None:
    client = device.get_root_client()
    with pytest.raises(InvalidInput, match="does not take messages of kind"):
        client.send_immediate_msg_with_reply(msg=Ask("x", address=client.address))
