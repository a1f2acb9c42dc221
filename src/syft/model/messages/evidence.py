"""This module holds what is said to whoever decides about a request, so that they need not take anybody's word."""

from __future__ import annotations

from datetime import datetime

import msgspec

from syft.model.job import ValueArgument
from syft.model.limits import JobLimits
from syft.model.message import Message
from syft.model.messages.jobs import JobView
from syft.model.request import RequestState
from syft.model.terms import Safeguards
from syft.model.uid import UID
from syft.model.user import PersonView


class Noted(msgspec.Struct, frozen=True, kw_only=True):
    """One thing in a text that a reviewer should look at.

    Args:
        kind: what it is about, in a word or two ("file", "print", "error text").
        line: in the text, from 1; 0 where it is about all of it.
        text: a sentence: what it is, and what to think of.
        name: the name it is about; empty where there is none.
    """

    kind: str
    line: int
    text: str
    name: str = ""


class ReviewedText(msgspec.Struct, frozen=True, kw_only=True):
    """One text that would run, with what was found in it. The text itself is in the request's code.

    Args:
        role: "function", "launched function", "input policy" or "output policy".
        name: of the function or class.
        code_uid: in which code it is.
        digest: of that code, 64 hex digits: what an approval names.
        version: of that code, among its author's of that name.
        findings: in order of lines; of each kind only so many.
        left_out: by kind, how many more there are.
    """

    role: str
    name: str
    code_uid: UID
    digest: str
    version: int
    findings: tuple[Noted, ...] = ()
    left_out: dict[str, int] = {}


class EarlierText(msgspec.Struct, frozen=True, kw_only=True):
    """A text as it was approved before, where it is another now.

    Args:
        role: as of `ReviewedText`.
        name: likewise.
        source: as it was; empty for one that was not there. None where it is too long to be sent along: read it with
            `client.code.get_by_id`.
        code_uid: in which code it was; None for one that was not there.
    """

    role: str
    name: str
    source: str | None
    code_uid: UID | None


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One thing besides the texts that is otherwise than it was approved before.

    Args:
        what: "pool", "limits", "data of 'x'" and so on.
        before: as it was, in words; may be empty where only a digest was kept.
        after: as it is.
    """

    what: str
    before: str = ""
    after: str = ""


class Earlier(msgspec.Struct, frozen=True, kw_only=True):
    """What was approved before, of the same author and function name; else the latest on the same data.

    Args:
        request_uid: the request that was approved.
        code_uid: what it was about.
        name: of the function.
        version: of it.
        is_same_name: whether that is the name of what is asked for now.
        state: where that request stands now.
        decided_by: who approved it.
        decided_at: when, in UTC.
        texts: those that are others now, as they were.
        changes: what else is otherwise.
    """

    request_uid: UID
    code_uid: UID
    name: str
    version: int
    is_same_name: bool = True
    state: RequestState = RequestState.APPROVED
    decided_by: PersonView | None = None
    decided_at: datetime | None = None
    texts: tuple[EarlierText, ...] = ()
    changes: tuple[Change, ...] = ()


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """What a value is, without the value.

    Args:
        type_name: as whoever brought it says.
        shape: likewise.
        size: in bytes.
        digest: the first hex digits of its hash: two values with the same are the same.
    """

    type_name: str
    shape: tuple[int, ...] | None
    size: int
    digest: str


class TouchedObject(msgspec.Struct, frozen=True, kw_only=True):
    """An object that the code would run on.

    Args:
        parameter: which parameter takes it.
        object_uid: the object.
        name: what the node calls it; empty where it is gone.
        owner: whose it is.
        created_at: when this version of it came, in UTC.
        private: what its private value is; None for whoever may not read that, and where there is none.
        mock: what its mock is; None where there is none: then the code cannot be tried here.
        is_partitioned: whether it is in parts, of which a run reads those that it asks for.
        is_yours: whether you decide about it.
        safeguards: what its owner demands; for those who decide about it.
    """

    parameter: str
    object_uid: UID
    name: str = ""
    owner: PersonView | None = None
    created_at: datetime | None = None
    private: Measured | None = None
    mock: Measured | None = None
    is_partitioned: bool = False
    is_yours: bool = False
    safeguards: Safeguards | None = None


class AskedParameter(msgspec.Struct, frozen=True, kw_only=True):
    """A parameter that takes no object.

    Args:
        name: of the parameter.
        takes: "a constant", "a value", "handed over", "nothing", or the name of a type.
        has_default: whether it may be left out.
        annotation: as its author wrote it; nothing checks it.
    """

    name: str
    takes: str
    has_default: bool = False
    annotation: str = ""


class RunPlace(msgspec.Struct, frozen=True, kw_only=True):
    """Where a part of it would run. Approvals bind pool, machines, level and packages.

    Args:
        pool: name of the worker pool.
        runs: what runs there: the function, or the names of those that it launches.
        engine: "this machine", "workers elsewhere", "a Dask cluster here" or "a Dask cluster elsewhere".
        isolation: the level of the fence that the pool asks for; empty for what the server's settings say.
        level: the one that is in force on this machine; empty where it is elsewhere, or not up yet.
        workers: how many jobs run there at once, as its record says; 0 for as the settings say.
        environment: the first hex digits of the digest of its interpreter and packages; empty where the pool is gone.
        has_image: whether it has packages of its own (`client.images`).
    """

    pool: str
    runs: tuple[str, ...]
    engine: str = ""
    isolation: str = ""
    level: str = ""
    workers: int = 0
    environment: str = ""
    has_image: bool = False


class ReleasedBefore(msgspec.Struct, frozen=True, kw_only=True):
    """Something that left to whoever asks, made from data that this request is about, too.

    Args:
        kind: "result" of a run or deposited; "step": it went on within a protocol; "grant": leave to read the object,
            or what was computed from it.
        at: when, in UTC.
        name: of the function, or of the object.
        version: of the function; 0 for a grant.
        request_uid: under which request; None for a grant that nobody asked for.
        job_uid: the run that made it.
        parameters: under which parameters of this request the data are.
        value: what it is; None for whoever may not read it, and where it is gone.
        decided_by: who let it go.
    """

    kind: str
    at: datetime
    name: str
    version: int = 0
    request_uid: UID | None = None
    job_uid: UID | None = None
    parameters: tuple[str, ...] = ()
    value: Measured | None = None
    decided_by: PersonView | None = None


class OpenApproval(msgspec.Struct, frozen=True, kw_only=True):
    """An approval of the same person on the same data that still lets results out, or a request that waits.

    Args:
        request_uid: which.
        name: of the function.
        version: of it.
        state: approved or pending.
        since: when it was approved, or asked, in UTC.
        released: how many results have left under it.
        limit: how many may.
    """

    request_uid: UID
    name: str
    version: int
    state: RequestState
    since: datetime
    released: int
    limit: int


class Rehearsed(msgspec.Struct, frozen=True, kw_only=True):
    """The latest run of the code on mocks that you asked for; an administrator sees everybody's.

    Args:
        job: how it went, with its result.
        stdout: what it printed.
        stderr: likewise, to standard error.
        error: exception and traceback, or why it was stopped.
        is_current: whether code, launched functions, mocks and packages are still those that it ran with.
    """

    job: JobView
    stdout: str = ""
    stderr: str = ""
    error: str = ""
    is_current: bool = True


class WhoAsks(msgspec.Struct, frozen=True, kw_only=True):
    """The account of whoever asks.

    Args:
        person: name, e-mail, institution.
        role: "data scientist" and so on; empty for an account that was deleted.
        since: when the account was made, in UTC.
        website: as they say.
        is_key: whether the account is a key's own, about which nobody has said anything.
        made_by: who made the account; None where they did themselves, or nobody knows.
    """

    person: PersonView
    role: str = ""
    since: datetime | None = None
    website: str = ""
    is_key: bool = False
    made_by: PersonView | None = None


class GetEvidence(Message, frozen=True, tag="evidence.get"):
    """What should whoever decides know about this request? Answered by `EvidenceReply`, to them alone.

    Args:
        uid: of a request that code may run.
        limit: how many of what was released before, at most 50; 0 for 20.
        offset: after leaving out so many.
    """

    uid: UID
    limit: int = 0
    offset: int = 0


class RehearseRequest(Message, frozen=True, tag="evidence.rehearse"):
    """Run its code on the mocks of what it asks for, for me. Answered by `JobReply`.

    Args:
        uid: of a request that code may run.
        arguments: values of the reviewer's own, for the parameters that take neither an object nor a constant.
        wait_s: how long the answer may wait for the end, in seconds.
    """

    uid: UID
    arguments: dict[str, ValueArgument] = {}
    wait_s: float = 0.0


class EvidenceReply(Message, frozen=True, tag="evidence.reply"):
    """What is known about a request.

    Args:
        request_uid: which.
        digest: of its code.
        texts: all that would run, the function first.
        earlier: what was approved before; None where nothing was.
        rehearsal: the latest run on mocks; None where there was none.
        inputs: the objects that it would run on.
        parameters: the others.
        places: where it would run, that of the function first.
        limits: what each run may use, every figure.
        released: what left to this person before from the same data, newest first: a page of it.
        released_total: how many there are in all.
        open: what else of theirs is approved or waits on the same data, newest first.
        requester: who asks.
        left_out: what was not looked at because there is too much of it, in sentences.
    """

    request_uid: UID
    digest: str
    texts: tuple[ReviewedText, ...]
    earlier: Earlier | None
    rehearsal: Rehearsed | None
    inputs: tuple[TouchedObject, ...]
    parameters: tuple[AskedParameter, ...]
    places: tuple[RunPlace, ...]
    limits: JobLimits
    released: tuple[ReleasedBefore, ...]
    released_total: int
    open: tuple[OpenApproval, ...]
    requester: WhoAsks
    left_out: tuple[str, ...] = ()
