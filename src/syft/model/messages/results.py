"""This module holds what is said about results that are held, and about answers that owners give by hand."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import msgspec

from syft.model.held import Disclosure, HeldOutput, HeldState
from syft.model.message import Message
from syft.model.messages.datasets import NewValue
from syft.model.object import ValueRef
from syft.model.uid import UID
from syft.model.user import PersonView

# Characters of each text that an owner gives along with an answer of their own.
MAX_GIVEN_LOG: Final = 256 * 1024


class HeldView(msgspec.Struct, frozen=True, kw_only=True):
    """A held result as somebody who may know of it sees it.

    Its requester sees when it was held, and what was decided, with the reason: of the result itself nothing, nor of
    its size. Whoever may decide sees what it consists of and the findings; whoever may read the data that it was
    computed from sees the value, and the names of its outputs.

    Args:
        uid: that of the job whose result it is.
        request_uid: the approval it was computed under.
        code_uid: what ran.
        code_name: its name.
        requester: for whom.
        state: what became of it.
        created_at: when it was held, in UTC.
        decided_by: who decided.
        decided_at: when, in UTC.
        reason: in their words.
        kept_back: the places, from 0, of outputs that were left out of what was let go.
        outputs: what it consists of; empty where it is one thing, or more than can be told apart.
        findings: what whoever decides should know.
        value: the result, with its bytes where they are few; None where the reader may not have it, or it was decided.
        obstacle: why it could not leave as things stand, for whoever is to decide; empty where it could.
    """

    uid: UID
    request_uid: UID
    code_uid: UID
    code_name: str
    requester: PersonView
    state: HeldState
    created_at: datetime
    decided_by: PersonView | None = None
    decided_at: datetime | None = None
    reason: str = ""
    kept_back: tuple[int, ...] = ()
    outputs: tuple[HeldOutput, ...] = ()
    findings: tuple[Disclosure, ...] = ()
    value: ValueRef | None = None
    obstacle: str = ""


class ListHeldResults(Message, frozen=True, tag="results.list"):
    """Which results are held that I may know of, oldest first? Answered by `HeldResultsReply`.

    Args:
        waiting: only those that nobody has decided about.
        request_uid: only those under that approval.
        limit: at most so many; 0 for as many as a page holds.
        offset: after leaving out so many.
    """

    waiting: bool = False
    request_uid: UID | None = None
    limit: int = 0
    offset: int = 0


class GetHeldResult(Message, frozen=True, tag="results.get"):
    """That held result. Answered by `HeldResultReply`.

    Args:
        uid: of the job whose result it is.
    """

    uid: UID


class ReadHeldResult(Message, frozen=True, tag="results.read"):
    """A part of the bytes of that held result. Answered by `objects.ValueReply` with the part beside it.

    Args:
        uid: of the job whose result it is.
        offset: where the part begins, in bytes.
    """

    uid: UID
    offset: int = 0


class ReleaseResult(Message, frozen=True, tag="results.release"):
    """Let that held result go. Answered by `HeldResultReply`.

    Args:
        uid: of the job whose result it is.
        kept_back: the places, from 0, of outputs that do not go; each once.
        reason: what its requester is told; has to be given where something is kept back.
    """

    uid: UID
    kept_back: tuple[int, ...] = ()
    reason: str = ""


class RefuseResult(Message, frozen=True, tag="results.refuse"):
    """Keep all of that held result back. Answered by `HeldResultReply`.

    Args:
        uid: of the job whose result it is.
        reason: what its requester is told.
    """

    uid: UID
    reason: str


class DepositResult(Message, frozen=True, tag="results.deposit"):
    """This is the answer to that request; its code does not run. Answered by `jobs.JobReply`.

    Args:
        request_uid: which request, that code may run.
        result: the answer.
        log_stdout: what its requester is to read as printed.
        log_stderr: likewise, as printed to standard error.
        reason: what its requester is told with it.
    """

    request_uid: UID
    result: NewValue
    log_stdout: str = ""
    log_stderr: str = ""
    reason: str = ""


class HeldResultReply(Message, frozen=True, tag="results.reply"):
    """One held result."""

    held: HeldView


class HeldResultsReply(Message, frozen=True, tag="results.list.reply"):
    """A page of held results, and how many there are in all."""

    held: tuple[HeldView, ...]
    total: int
