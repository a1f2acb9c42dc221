"""What is small and unpacks to something huge stays small: nothing that comes in is unpacked (THREATS 2.5).

Over HTTP: test_over_http; what a client gets as an answer: test_hostile_members.
"""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest
from blake3 import blake3

from support.bombs import KINDS, UNPACKED, bomb, unpacked_size
from support.envelopes import answer_to, envelope, error_of, header_for
from support.sites import Cast, logged, refused
from syft.errors import SyftException
from syft.model.messages import datasets, objects, users
from syft.model.object import Face
from syft.transport.ask import ask
from syft.wire.codec import decode, encode

ASK = users.ListUsers(email="@site.org")
# Some copies of what was sent, and far from what it unpacks to.
MOST = 16 << 20


@contextmanager
def little_memory() -> Iterator[None]:
    """What is done in here takes little, at any moment of it."""
    with logged("CRITICAL"):  # pytest keeps what is logged, and would be measured
        tracemalloc.start()
        try:
            before, _ = tracemalloc.get_traced_memory()
            yield
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert peak - before < MOST, f"{(peak - before) >> 20} MiB"


@pytest.mark.parametrize("kind", KINDS)
def test_a_bomb_is_one(kind: str) -> None:
    """THREATS 2.5, outside the fence: whoever unpacks these has that many bytes."""
    assert len(bomb(kind)) < 4 << 20
    assert unpacked_size(kind, bomb(kind)) == UNPACKED > 10 * MOST


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("place", ["payload", "header", "envelope", "field"])
def test_a_message_that_is_packed(site: Cast, kind: str, place: str) -> None:
    """THREATS 2.5: as the message, its header, all of it, or a field; signed by somebody with an account."""
    data = bomb(kind)
    with little_memory():
        if place == "payload":
            answer = answer_to(site.node, envelope(site.owner, data))
        elif place == "header":
            answer = answer_to(site.node, envelope(site.owner, ASK, data))
        elif place == "envelope":
            answer = answer_to(site.node, data)
        else:
            message = users.UpdateUser(site.owner.node.uid, sealed=data)
            answer = answer_to(site.node, envelope(site.owner, message))
    error = error_of(answer)
    assert error is not None, answer
    assert error.code in ("decode", "envelope", "not_found")
    assert refused(site.owner, ASK)[0] == "ok"


@pytest.mark.parametrize("kind", KINDS)
def test_what_travels_beside_is_packed(site: Cast, kind: str) -> None:
    """THREATS 2.5: a part of an upload is kept as the bytes it is, and read as them: it is no value."""
    data = bomb(kind)
    upload = site.owner.say(objects.BeginUpload(len(data)), objects.UploadReply).upload_uid
    with little_memory():
        part = envelope(site.owner, objects.PutPart(upload, 0), header_for(site.owner, data))
        assert error_of(answer_to(site.node, part, data)) is None
        site.owner.say(objects.FinishUpload(upload, blake3(data).hexdigest()), objects.UploadReply)
        value = datasets.NewValue(type_name="ndarray", upload_uid=upload)
        uid = site.owner.say(objects.PutObject(value), objects.ObjectReply).object.uid
        # Whoever reads it gets these bytes, and finds that they are no value.
        read = objects.ReadValue(uid, Face.PRIVATE)
        answer = ask(site.owner.route, site.owner.identity, site.owner.node, read)
        assert bytes(answer.attachment) == data[: len(answer.attachment)] != b""
        with pytest.raises(SyftException):
            decode(bytes(answer.attachment))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("head", ["", "of a value"])
def test_a_value_that_is_packed(kind: str, head: str) -> None:
    """THREATS 2.5, 4.1: on its own, and in the place of a value's buffers."""
    data = bomb(kind)
    if head:
        whole = encode(np.zeros(4)).to_bytes()
        data = whole[: len(whole) // 2] + data
    with little_memory(), pytest.raises(SyftException):
        decode(data)
