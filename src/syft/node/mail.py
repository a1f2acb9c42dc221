"""This module is a node's mail: eventual messages it has taken, handled here or brought on, each once.

What is acknowledged has been committed. A letter for this node is handled by the same table, under the permissions its
sender has at that moment; the handler's own event carries the message's UID, so that after a crash between handling and
noting it the second attempt changes nothing. A letter for another node goes to the next, as soon as that can be
reached, until that has acknowledged it.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec

from syft.errors import (
    BadReply,
    InternalError,
    InvalidState,
    NodeUnreachable,
    StaleMessage,
    StorageError,
    SyftException,
    TooLarge,
    TooManyAttempts,
    WireError,
    from_code,
)
from syft.logger import say, where
from syft.model.event import Event
from syft.model.letter import Letter, LetterState
from syft.model.message import Refusal
from syft.model.messages.nodes import Taken
from syft.model.peer import PeerState
from syft.model.uid import UID
from syft.node.peers import Peers
from syft.store.base import Store
from syft.transport.ask import now_ms
from syft.transport.base import Parcel
from syft.wire.envelope import MAX_AHEAD_MS, MAX_EVENTUAL_AGE_MS, Sealed, inspect

# "so that nobody fills the disk": letters of one key, and of all keys, that wait at once.
MAX_OF_SENDER: Final = 200
MAX_BYTES: Final = 64 * 1024 * 1024
# Keys cost nothing to make; those that nobody here knows share a part, so that they cannot keep the others out.
MAX_BYTES_OF_STRANGERS: Final = 16 * 1024 * 1024

_FIRST_PAUSE_S: Final = 0.5
MAX_PAUSE_S: Final = 30.0
# Peers that are tried at once; one that takes in and never answers holds its lane for as long as a route waits.
_LANES: Final = 16
# A handler that breaks in the same way so often will break the next time, too.
_MAX_FAULTS: Final = 5
_SWEEP_S: Final = 3600.0
# After these, asking the same again may help; after any other the letter goes no further.
_PASSING: Final = (NodeUnreachable, BadReply, TooManyAttempts, StorageError, InternalError)

Handle = Callable[[Sealed], None]


class Mail:
    """Takes letters in and sees to them, in threads that sleep until the next is due.

    Args:
        store: where they are.
        peers: whom they go to.
        handle: does what a letter for this node says; raises what kept it from that.
    """

    def __init__(self, store: Store, peers: Peers, handle: Handle) -> None:
        self._store = store
        self._peers = peers
        self._handle = handle
        self._condition = threading.Condition()
        self._closing = False
        # By next node (None: this one): when it is to be tried again, by the monotonic clock, and after which pause.
        self._due: dict[UID | None, float] = {}
        self._pauses: dict[UID | None, float] = {}
        self._busy: set[UID | None] = set()
        self._next_sweep = 0.0
        self._thread: threading.Thread | None = None
        # What waits, so that nothing has to be counted when a letter comes.
        self._charged: Counter[str] = Counter()
        self._bytes: Counter[bool] = Counter()
        with store.reading() as reader:
            for letter in reader.select(Letter, state=LetterState.WAITING):
                self._count(letter, 1)
                self._due[letter.next_node] = 0.0

    def start(self) -> None:
        """Take up what waits. May be called twice."""
        with self._condition:
            if self._thread is not None or self._closing:
                return
            self._thread = threading.Thread(target=self._loop, name="syft-mail", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """Stop; what waits is taken up at the next start."""
        with self._condition:
            self._closing = True
            self._condition.notify_all()
        if self._thread is not None:
            # A lane may still wait for a peer that does not answer: it does no harm, and is not waited for.
            self._thread.join(timeout=10)

    def take(
        self, sealed: Sealed, next_node: UID | None, *, known_sender: bool, charged_to: str = ""
    ) -> None:
        """Keep a letter. When this returns it is on the disk, and this node answers for it.

        Args:
            sealed: signature, size and freshness have been checked.
            next_node: where it goes; None when it is for this node.
            known_sender: whether the sender has an account here, or is a peer.
            charged_to: against whose allowance it counts; the sender's when left out.
        Raises:
            TooManyAttempts: too many wait already.
            StorageError: it could not be kept.
        """
        header = sealed.header
        sender = header.sender.hex()
        now = datetime.now(UTC)
        letter = Letter(
            uid=UID(),
            message_uid=header.uid,
            sender=sender,
            next_node=next_node,
            envelope=sealed.data,
            size=len(sealed.data),
            charged_to=charged_to or sender,
            known_sender=known_sender,
            created_at=now,
            # As long as a copy of it can be fresh, by a clock that is ahead of ours.
            expires_at=now + timedelta(milliseconds=MAX_EVENTUAL_AGE_MS + MAX_AHEAD_MS),
        )
        # Most copies end here, without a write.
        with self._store.reading() as reader:
            if reader.find(Letter, sender=sender, message_uid=header.uid) is not None:
                return
        kept = False
        event = Event(verb="mail.taken", actor_key=sender, created_at=now, detail={"message": header.uid.hex})
        try:
            with self._store.writing(event) as tx:
                if tx.find(Letter, sender=sender, message_uid=header.uid) is not None:
                    raise _Known
                self._take_room(letter)
                kept = True
                tx.add(letter)
        except _Known:
            return
        except BaseException:
            if kept:
                self._count(letter, -1)
            raise
        self.wake(next_node)

    def wake(self, next_node: UID | None) -> None:
        """There is something for that node, or it has been heard from: try at once."""
        with self._condition:
            self._pauses.pop(next_node, None)
            self._due[next_node] = 0.0
            self._condition.notify()

    def heard_from(self, node_uid: UID) -> None:
        """That node is there: what waits for it need not wait any longer."""
        if node_uid in self._due:
            self.wake(node_uid)

    @property
    def waiting(self) -> int:
        """How many letters have not arrived."""
        with self._store.reading() as reader:
            return reader.count(Letter, state=LetterState.WAITING)

    def _loop(self) -> None:
        while True:
            with self._condition:
                now = time.monotonic()
                free = _LANES - len(self._busy)
                idle = {lane: at for lane, at in self._due.items() if lane not in self._busy}
                # What is for this node waits for nobody.
                ready = [lane for lane, at in idle.items() if at <= now and (lane is None or free > 0)][
                    : max(1, free)
                ]
                if not ready and not self._closing and now < self._next_sweep:
                    times = idle.values() if free > 0 else ()
                    self._condition.wait(max(0.0, min([*times, self._next_sweep]) - now))
                if self._closing:
                    return
                for lane in ready:
                    self._busy.add(lane)
                    del self._due[lane]
            for lane in ready:
                threading.Thread(
                    target=self._run_lane, args=(lane,), name="syft-mail-lane", daemon=True
                ).start()
            if time.monotonic() >= self._next_sweep:
                self._next_sweep = time.monotonic() + _SWEEP_S
                self._sweep()

    def _run_lane(self, lane: UID | None) -> None:
        """See to everything that waits for one node, in order; what is not possible now is tried again later."""
        again = True
        try:
            again = self._drain(lane)
        except SyftException as error:
            say(logging.WARNING, "mail was interrupted", error=error.code)
        except Exception as error:
            # The lane must not end with a fault of ours: letters would wait for a restart.
            say(logging.ERROR, "mail met a fault", error=where(error))
        with self._condition:
            self._busy.discard(lane)
            if not again:
                self._pauses.pop(lane, None)
            elif not self._closing:
                pause = min(MAX_PAUSE_S, self._pauses.get(lane, _FIRST_PAUSE_S / 2) * 2)
                self._pauses[lane] = pause
                # What came meanwhile has set it to be due at once.
                self._due.setdefault(lane, time.monotonic() + pause)
            self._condition.notify()

    def _drain(self, lane: UID | None) -> bool:
        """Whether something is left that should be tried again."""
        skipped: set[UID] = set()
        while not self._closing:
            with self._store.reading() as reader:
                waiting = reader.select(
                    Letter, state=LetterState.WAITING, next_node=lane, limit=len(skipped) + 1
                )
            letter = next((one for one in waiting if one.uid not in skipped), None)
            if letter is None:
                return bool(skipped)
            if letter.expires_at <= datetime.now(UTC):
                self._end(letter, LetterState.RETURNED, "mail.given_up", "expired")
                continue
            try:
                self._see_to(letter)
            except _PASSING as error:
                say(logging.INFO, "a letter has to wait", uid=letter.message_uid.hex, error=error.code)
                if lane is not None and isinstance(error, NodeUnreachable):
                    return True  # nothing gets there now
                self._tried(letter, error)
                skipped.add(letter.uid)
            except SyftException as error:
                self._end(letter, LetterState.RETURNED, "mail.returned", error.code)
            else:
                verb = "mail.handled" if lane is None else "mail.passed_on"
                self._end(letter, LetterState.DONE, verb, "")
        return True

    def _see_to(self, letter: Letter) -> None:
        """Handle it, or bring it to the next node.

        Raises:
            SyftException: what kept it from that.
        """
        sealed = inspect(letter.envelope)
        if letter.next_node is None:
            try:
                self._handle(sealed)
            except StaleMessage:
                # Its handler's event is in the log: it was handled, and the note of it was lost.
                return
            return
        peer = self._peers.find(letter.next_node)
        # Somebody who asks to join under the UID of a member that was removed is not that member.
        if peer is None or peer.state is not PeerState.ACCEPTED:
            raise InvalidState("The node that this was for is no longer known here.")
        route = self._peers.route_to(peer)
        try:
            reply = route.send(Parcel(letter.envelope, b"", forwarded=True))
        except TooLarge as error:
            # A status of HTTP's, which nobody signed: a letter that was acknowledged is not given up for it.
            raise BadReply(error.public_message) from None
        check_taken(reply, sealed, peer.key)

    def _tried(self, letter: Letter, error: SyftException) -> None:
        """Note a failure that was ours, and give the letter up when there are too many."""
        if letter.next_node is not None or not isinstance(error, InternalError):
            return
        if letter.attempts + 1 >= _MAX_FAULTS:
            self._end(letter, LetterState.RETURNED, "mail.returned", error.code)
            return
        event = self._event("mail.failed", letter, error.code)
        with self._store.writing(event) as tx:
            tx.replace(msgspec.structs.replace(letter, attempts=letter.attempts + 1))

    def _end(self, letter: Letter, state: LetterState, verb: str, code: str) -> None:
        with self._store.writing(self._event(verb, letter, code)) as tx:
            # Its size is left as it was, for people; what waits is what counts.
            tx.replace(msgspec.structs.replace(letter, state=state, envelope=b""))
        self._count(letter, -1)

    def _count(self, letter: Letter, by: int) -> None:
        with self._condition:
            self._charged[letter.charged_to] += by
            self._bytes[letter.known_sender] += by * letter.size
            if not self._charged[letter.charged_to]:
                del self._charged[letter.charged_to]

    def _take_room(self, letter: Letter) -> None:
        limit = MAX_BYTES if letter.known_sender else MAX_BYTES_OF_STRANGERS
        if (
            self._charged[letter.charged_to] >= MAX_OF_SENDER
            or self._bytes[letter.known_sender] + letter.size > limit
        ):
            raise TooManyAttempts(
                "Too many messages wait here already, of yours or of all together. Try again when some have arrived."
            )
        self._count(letter, 1)

    def _event(self, verb: str, letter: Letter, code: str) -> Event:
        detail = {"message": letter.message_uid.hex} | ({"code": code} if code else {})
        return Event(verb=verb, actor_key=letter.sender, created_at=datetime.now(UTC), detail=detail)

    def _sweep(self) -> None:
        """Forget letters of which no copy can be fresh any more."""
        now = datetime.now(UTC)
        try:
            with self._store.reading() as reader:
                known = [
                    one
                    for state in (LetterState.DONE, LetterState.RETURNED)
                    for one in reader.select(Letter, state=state)
                    if one.expires_at <= now
                ]
            if not known:
                return
            event = Event(verb="mail.forgotten", created_at=now, detail={"count": str(len(known))})
            with self._store.writing(event) as tx:
                for one in known:
                    tx.remove(Letter, one.uid)
        except SyftException as error:
            say(logging.WARNING, "mail could not be swept", error=error.code)


class _Known(Exception):
    """The letter is here already; leaves a transaction without a trace."""


def check_taken(reply: Parcel | None, sealed: Sealed, key: bytes) -> None:
    """Raise unless that is the next node's word that it has a letter on its disk.

    Args:
        reply: what came back.
        sealed: the letter's envelope.
        key: of the next node: nobody else's word counts, or a letter could be lost on the way for good.
    Raises:
        BadReply: it is something else; the letter is still ours.
        SyftException: it was refused, by the error that was named.
    """
    if reply is None:
        raise BadReply("The next node did not say that it has taken the message.")
    try:
        answer = inspect(reply.envelope)
        if answer.header.sender != key:
            raise BadReply("Somebody else answered in the next node's place.")
        opened = answer.open(
            recipient=sealed.header.sender, now_ms=now_ms(), guard=None, reply_to=sealed.header.uid
        )
    except WireError as error:
        # Whoever is on the line can garble an answer: that says nothing about the letter.
        raise BadReply(f"The next node's answer cannot be read: {error.public_message}") from None
    if isinstance(opened.message, Refusal):
        raise from_code(opened.message.code, opened.message.text)
    if not isinstance(opened.message, Taken):
        raise BadReply("The next node answered with something else.")
