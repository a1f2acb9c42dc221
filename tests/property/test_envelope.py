"""Whatever is changed in an envelope, it is refused before it is decoded (THREATS 2.5)."""

from __future__ import annotations

from functools import cache

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from syft.errors import EnvelopeError, StaleMessage, SyftException, TooLarge, TooManyAttempts, WireError
from syft.model.address import Address
from syft.model.identity import Identity
from syft.model.messages.users import ListUsers
from syft.model.uid import UID
from syft.wire import envelope
from syft.wire.envelope import (
    MAX_AGE_MS,
    MAX_AHEAD_MS,
    MAX_ENVELOPE,
    Header,
    Opened,
    ReplayGuard,
    inspect,
    seal,
)

NOW = 1_800_000_000_000
SENDER = Identity.from_seed(b"s" * 32)
NODE = Identity.from_seed(b"n" * 32)
SOMEBODY = Identity.from_seed(b"x" * 32)
ATTACHMENT = b"what travels beside"
# Built once: Ed25519 signs the same bytes the same way.
DATA, _ = seal(
    ListUsers(email="@x.org", limit=5),
    identity=SENDER,
    recipient=NODE.verify_key,
    address=Address(domain=UID.with_seed("node")),
    now_ms=NOW,
    attachment=ATTACHMENT,
    uid=UID.with_seed("message"),
)


def opened(data: bytes, **changes: object) -> Opened:
    options: dict[str, object] = {
        "recipient": NODE.verify_key,
        "now_ms": NOW,
        "guard": ReplayGuard(),
        "attachment": ATTACHMENT,
    }
    return inspect(data).open(**(options | changes))  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many payloads were decoded; hypothesis shares it between examples, so tests compare before and after."""
    count: list[int] = []
    decode = envelope.decode_message

    def counting(payload: bytes | memoryview) -> object:
        count.append(len(payload))
        return decode(payload)

    monkeypatch.setattr(envelope, "decode_message", counting)
    return count


def test_unchanged_it_opens(decoded: list[int]) -> None:
    """THREATS 2.5, outside the fence."""
    assert opened(DATA).message == ListUsers(email="@x.org", limit=5)
    assert len(decoded) == 1


def test_any_one_bit_flipped(decoded: list[int]) -> None:
    """THREATS 2.5: every bit of a real envelope, one at a time."""
    for place in range(len(DATA) * 8):
        changed = bytearray(DATA)
        changed[place // 8] ^= 1 << place % 8
        with pytest.raises(WireError):
            opened(bytes(changed))
    assert decoded == []


def test_cut_at_every_length_and_with_more_behind(decoded: list[int]) -> None:
    """THREATS 2.5: truncated, or with bytes before or after it."""
    for length in range(len(DATA)):
        with pytest.raises(EnvelopeError):
            opened(DATA[:length])
    for more in (b"\0", b"x" * 64, DATA):
        with pytest.raises(EnvelopeError):
            opened(DATA + more)
        with pytest.raises(EnvelopeError):
            opened(more + DATA)
    assert decoded == []


@given(
    st.lists(
        st.tuples(st.integers(0, len(DATA) - 1), st.integers(1, 255)),
        min_size=1,
        max_size=8,
        unique_by=lambda x: x[0],
    )
)
def test_any_bytes_changed(changes: list[tuple[int, int]]) -> None:
    """THREATS 2.5: several at once, anywhere."""
    changed = bytearray(DATA)
    for place, mask in changes:
        changed[place] ^= mask
    with pytest.raises(WireError):
        opened(bytes(changed))


@given(st.binary(max_size=2000))
@example(b"")
@example(b"SYE1" + b"\xff" * 200)
@example(b"SYE1" + b"\0" * 72)
def test_any_bytes_at_all(data: bytes) -> None:
    """THREATS 2.5: noise is refused, by an error of ours."""
    with pytest.raises(WireError):
        opened(data)


@given(st.binary(max_size=1024), st.binary(max_size=2000))
def test_any_signed_bytes(head: bytes, payload: bytes) -> None:
    """THREATS 2.5: signed properly by a key of its own, what is not a header and a message is refused."""
    signed = b"SYE1" + len(head).to_bytes(4, "little") + len(payload).to_bytes(4, "little") + head + payload
    with pytest.raises(SyftException):
        opened(signed + SENDER.sign(signed))


@given(st.binary(max_size=500))
@example(b"\x91" * 500)
@example(msgspec.msgpack.encode(["no.such.message", 1]))
@example(msgspec.msgpack.encode(["users.list", 1]))
@example(msgspec.msgpack.encode({"type": "users.list"}))
def test_any_payload_under_a_good_header(payload: bytes) -> None:
    """THREATS 2.5: an unknown kind, fields of other types, noise: all from somebody who may speak."""
    header = inspect(DATA).header
    head = envelope.encode_record(msgspec.structs.replace(header, attachment=b""))
    signed = b"SYE1" + len(head).to_bytes(4, "little") + len(payload).to_bytes(4, "little") + head + payload
    with pytest.raises(SyftException):
        opened(signed + SENDER.sign(signed), attachment=b"")


@given(st.integers(-(2**63), 2**63 - 1))
@example(NOW)
@example(NOW - MAX_AGE_MS)
@example(NOW - MAX_AGE_MS - 1)
@example(NOW + MAX_AHEAD_MS)
@example(NOW + MAX_AHEAD_MS + 1)
@example(-1)
@example(0)
def test_from_the_past_or_the_future(time_ms: int) -> None:
    """THREATS 2.5: two minutes old, one minute ahead; not a millisecond more."""
    data, _ = seal(ListUsers(), identity=SENDER, recipient=NODE.verify_key, address=Address(), now_ms=time_ms)
    if -MAX_AHEAD_MS <= NOW - time_ms <= MAX_AGE_MS:
        assert opened(data, attachment=b"").header.time_ms == time_ms
    else:
        with pytest.raises(StaleMessage):
            opened(data, attachment=b"")


@given(st.binary(max_size=200))
@example(b"")
@example(ATTACHMENT[:-1])
@example(ATTACHMENT + b"\0")
@example(bytes([ATTACHMENT[0] ^ 1]) + ATTACHMENT[1:])
def test_another_attachment(attachment: bytes) -> None:
    """THREATS 2.5: removed, cut, lengthened, changed; or added where there was none."""
    if attachment != ATTACHMENT:
        with pytest.raises(EnvelopeError, match="beside"):
            opened(DATA, attachment=attachment)
    if attachment:
        data, _ = seal(ListUsers(), identity=SENDER, recipient=NODE.verify_key, address=Address(), now_ms=NOW)
        with pytest.raises(EnvelopeError, match="beside"):
            opened(data, attachment=attachment)


def test_for_somebody_else_and_in_answer_to_something_else(decoded: list[int]) -> None:
    """THREATS 2.5: another addressee, an answer to another question, an answer that is none, a question as one."""
    question, other = UID(), UID()
    reply, _ = seal(
        ListUsers(),
        identity=SENDER,
        recipient=NODE.verify_key,
        address=Address(),
        now_ms=NOW,
        reply_to=question,
    )
    for data, changes in (
        (DATA, {"recipient": SOMEBODY.verify_key}),
        (DATA, {"recipient": b""}),
        (DATA, {"reply_to": question}),
        (reply, {"attachment": b""}),
        (reply, {"attachment": b"", "reply_to": other}),
    ):
        with pytest.raises(EnvelopeError):
            opened(data, **changes)
    assert decoded == []
    assert opened(reply, attachment=b"", reply_to=question, guard=None).header.reply_to == question


@cache
def small_order_keys() -> tuple[bytes, ...]:
    """Points of small order on the curve, and their other spellings: with them, one signature fits many messages.

    Source: the list that libsodium refuses (ge25519_has_small_order).
    """
    p = 2**255 - 19
    eight = int.from_bytes(
        bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"), "little"
    )
    ys = [0, 1, p - 1, p, p + 1, eight, p - eight]
    return tuple((y | sign << 255).to_bytes(32, "little") for y in ys for sign in (0, 1) if y < 2**255)


@pytest.mark.parametrize("key", [*small_order_keys(), b"\xff" * 32, b""], ids=lambda key: key.hex()[:8])
def test_keys_for_which_anybody_can_sign(key: bytes) -> None:
    """THREATS 2.5: a key that is none; the trivial signature that would fit it is refused."""
    header = Header(sender=key, recipient=NODE.verify_key, address=Address(), uid=UID(), time_ms=NOW)
    head, payload = envelope.encode_record(header), envelope.encode_record(ListUsers())
    signed = b"SYE1" + len(head).to_bytes(4, "little") + len(payload).to_bytes(4, "little") + head + payload
    for point in (*small_order_keys(), b"\0" * 32, key.ljust(32, b"\0")):
        for scalar in (0, 1):
            with pytest.raises(EnvelopeError):
                inspect(signed + point + scalar.to_bytes(32, "little"))


def test_a_signature_has_one_form() -> None:
    """THREATS 2.5: the other number that fits the equation would make another message of the same."""
    order = 2**252 + 27742317777372353535851937790883648493
    scalar = int.from_bytes(DATA[-32:], "little") + order
    assert scalar < 2**256
    with pytest.raises(EnvelopeError):
        inspect(DATA[:-32] + scalar.to_bytes(32, "little"))


def test_too_large_is_refused_by_its_size_alone() -> None:
    """THREATS 2.5: before a signature over it is looked at."""
    with pytest.raises(TooLarge):
        inspect(bytes(MAX_ENVELOPE + 1))
    with pytest.raises(EnvelopeError):
        inspect(bytes(MAX_ENVELOPE))


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 400_000)), max_size=60))
def test_a_message_is_taken_once_while_it_is_fresh(arrivals: list[tuple[int, int]]) -> None:
    """THREATS 2.5: whatever comes in between, the same message is not taken twice within its time."""
    guard = ReplayGuard()
    names = [UID.with_seed(str(number)) for number in range(21)]
    taken: dict[int, int] = {}
    now = NOW
    for number, pause in arrivals:
        now += pause // 20
        fresh = now - taken.get(number, -(10**15)) <= MAX_AGE_MS + MAX_AHEAD_MS
        if fresh:
            with pytest.raises(StaleMessage):
                guard.check_first_time(names[number], now, now)
        else:
            guard.check_first_time(names[number], now, now)
            taken[number] = now


def test_more_than_can_be_remembered_is_refused() -> None:
    """THREATS 2.5: at its bound the guard forgets nothing early, and takes more when time has passed."""
    guard = ReplayGuard(limit=3)
    first = [UID() for _ in range(3)]
    for uid in first:
        guard.check_first_time(uid, NOW, NOW)
    with pytest.raises(TooManyAttempts):
        guard.check_first_time(UID(), NOW, NOW)
    with pytest.raises(StaleMessage):
        guard.check_first_time(first[0], NOW, NOW)
    guard.check_first_time(UID(), NOW, NOW + MAX_AGE_MS + MAX_AHEAD_MS + 1)
