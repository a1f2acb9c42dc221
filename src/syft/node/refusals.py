"""This module writes down what was refused: logins that failed, and acts that somebody may not do.

Strangers cause these entries, as many as they like, and the log is kept for ever. So each party may fill a little of it
at once, and strangers together, too; what comes faster is counted, and the counts are written once a minute. A flood
by strangers makes two entries a minute, wherever it comes from, and takes no place of those who have accounts.
"""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from syft.access.caller import Caller
from syft.errors import (
    AuthenticationError,
    AuthorizationException,
    Denied,
    NotApproved,
    NotFound,
    PolicyExhausted,
    QuotaExceeded,
    StaleMessage,
    SyftException,
    TooManyAttempts,
)
from syft.logger import say
from syft.model.event import Event
from syft.model.message import Message, tag_of
from syft.model.messages import (
    codes,
    datasets,
    evidence,
    images,
    jobs,
    network,
    objects,
    policies,
    pools,
    protocols,
    requests,
    results,
    work,
    workers,
)
from syft.model.messages.events import GetCheckpoint
from syft.model.messages.session import GetNodeInfo, LogIn
from syft.model.messages.settings import GetSettings
from syft.model.messages.users import GetAccount, ListUsers
from syft.model.uid import UID
from syft.node.passwords import Throttle
from syft.store.base import Store

LOGIN_FAILED: Final = "session.login_failed"
LOGIN_THROTTLED: Final = "session.login_throttled"
REFUSED: Final = "act.refused"
COUNTED: Final = "refusals.counted"

# Entries that a party may cause at once, and how many more a second: one a minute.
_OF_A_PARTY: Final = 20
# The same for all strangers together: each has as many keys and addresses as they like.
_OF_STRANGERS: Final = 200
_PER_S: Final = 1 / 60
# How often the counts are written. Each is of a verb, a kind of message and an error: of few names there are.
_PAUSE_S: Final = 60.0
_MAX_ORIGIN: Final = 100

# What only looks around: that something is not there, or not for them, is said to everybody all the time. A kind that
# is not here is written down, so that a new one is. (Reading a value, a job's log or the events is no looking around.)
LOOKING: Final[frozenset[type[Message]]] = frozenset(
    {
        GetNodeInfo,
        GetAccount,
        GetSettings,
        GetCheckpoint,
        ListUsers,
        network.ListMembers,
        pools.ListPools,
        pools.GetPool,
        images.ListImages,
        images.GetImage,
        images.GetImageLog,
        workers.ListWorkers,
        # Of a worker that the node has forgotten, or does not know yet: it asks every few seconds.
        work.JoinPool,
        work.TakeWork,
        work.Attend,
        work.LeavePool,
        datasets.GetDataset,
        datasets.ListDatasets,
        objects.GetObject,
        objects.FindObjects,
        codes.GetCode,
        codes.ListCodes,
        requests.GetRequest,
        policies.GetPolicyState,
        requests.ListRequests,
        requests.ListHandlers,
        requests.ListStandingApprovals,
        evidence.GetEvidence,
        jobs.GetJob,
        jobs.ListJobs,
        results.GetHeldResult,
        results.ListHeldResults,
        protocols.GetStanding,
    }
)
# Decisions against somebody. A message that makes no sense, or comes at a wrong moment, is none.
DECISIONS: Final = (
    AuthenticationError,
    AuthorizationException,
    NotFound,
    NotApproved,
    Denied,
    PolicyExhausted,
    QuotaExceeded,
    TooManyAttempts,
    StaleMessage,
)
# Where a message says what it is about.
_SUBJECTS: Final = ("uid", "object_uid", "code_uid", "request_uid", "node_uid")


class Refusals:
    """Writes refusals into the log, each by itself or counted.

    Args:
        store: with the log.
        clock: the time, in UTC.
    """

    def __init__(self, store: Store, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._store = store
        self._clock = clock
        self._parties = Throttle(_OF_A_PARTY, _PER_S)
        self._strangers = Throttle(_OF_STRANGERS, _PER_S)
        self._counts: Counter[str] = Counter()
        self._since = ""
        self._timer: threading.Timer | None = None
        self._closed = False
        self._lock = threading.Lock()

    def refused(self, caller: Caller, message: Message, error: SyftException) -> None:
        """Write down that somebody may not do something, if that is worth it. Never raises.

        Args:
            caller: who asked.
            message: for what.
            error: why not.
        """
        if not isinstance(error, DECISIONS) or type(message) in LOOKING:
            return
        if isinstance(message, LogIn) and not isinstance(error, AuthorizationException):
            # Its handler has written down whose account it was, and what was wrong.
            return
        subject = next(
            (one for name in _SUBJECTS if isinstance(one := getattr(message, name, None), UID)), None
        )
        self._note(REFUSED, caller, subject, what=tag_of(message), error=error.code)

    def login_failed(self, caller: Caller, account: UID | None, why: str) -> None:
        """Write down a login that failed. Never raises.

        Of an e-mail without an account nothing is kept: people type their passwords into that field, and the log is
        there to be handed on.

        Args:
            caller: who tried.
            account: to which; None where there is none of that e-mail.
            why: "password" (or no such account), "default_password" from another machine, "key_in_use".
        """
        self._note(LOGIN_FAILED, caller, account, why=why)

    def login_throttled(self, caller: Caller, account: UID | None) -> None:
        """Write down a login that was not tried, after too many that failed. Never raises."""
        self._note(LOGIN_THROTTLED, caller, account)

    def flush(self) -> None:
        """Write what was counted, now. Never raises."""
        with self._lock:
            counts, self._counts = self._counts, Counter()
            since = self._since
            self._timer = None
        if not counts:
            return
        detail = {"since": since} | {name: str(number) for name, number in sorted(counts.items())}
        if not self._write(Event(verb=COUNTED, detail=detail, created_at=self._clock())):
            with self._lock:
                # A full disk may have room again in a minute.
                self._counts.update(counts)
                self._begin(since)

    def close(self) -> None:
        """Write what was counted, and count no more."""
        with self._lock:
            self._closed = True
            if self._timer is not None:
                self._timer.cancel()
        self.flush()

    def _note(self, verb: str, caller: Caller, subject: UID | None, **detail: str) -> None:
        if not self._has_room(caller):
            with self._lock:
                self._counts[" ".join((verb, *detail.values()))] += 1
                self._begin(f"{self._clock():%Y-%m-%dT%H:%M:%SZ}")
            return
        # No `message_uid`: what was refused was not done, and a letter may be tried again.
        event = Event(
            verb=verb,
            actor_uid=caller.uid,
            actor_key=caller.verify_key.hex(),
            subject_uid=subject,
            detail={**detail, "origin": caller.origin[:_MAX_ORIGIN]},
            created_at=self._clock(),
        )
        self._write(event)

    def _has_room(self, caller: Caller) -> bool:
        """Whether this party may still cause an entry of its own."""
        try:
            if caller.uid is not None:
                self._parties.attempt(caller.uid.hex)
            else:
                # A stranger's key is nobody's name: the next one costs nothing.
                self._parties.attempt(f"from {caller.origin}")
                self._strangers.attempt("all of them")
        except TooManyAttempts:
            return False
        return True

    def _begin(self, since: str) -> None:
        """See to it that what is counted is written in a minute. Called with the lock."""
        if self._timer is None and not self._closed:
            self._since = since
            self._timer = threading.Timer(_PAUSE_S, self.flush)
            self._timer.daemon = True
            self._timer.start()

    def _write(self, event: Event) -> bool:
        try:
            with self._store.writing(event):
                return True
        except SyftException as error:
            # Whoever was refused is told so all the same; that it is not in the log is for the operator.
            say(logging.ERROR, "a refusal was not written", verb=event.verb, error=error.code)
            return False
