"""This module holds what is said about one step of a protocol at one of its sites, and what sites say to each other."""

from __future__ import annotations

import msgspec

from syft.model.job import Argument
from syft.model.message import Message
from syft.model.messages.jobs import JobView
from syft.model.uid import UID


class RunStep(Message, frozen=True, tag="protocols.run"):
    """Run this step, on what has been handed over for it and what I pass. Answered by `StepReply`.

    Once in a run: the second time it answers with the job of the first.

    Args:
        code_uid: of the approved code, which is a step of a protocol.
        run: which run of the protocol; the caller chooses a fresh UID.
        arguments: by parameter, for those that take a value of the caller's own.
        wait_s: how long the answer may wait for the end, in seconds.
    """

    code_uid: UID
    run: UID
    arguments: dict[str, Argument] = {}
    wait_s: float = 0.0


class StepReply(Message, frozen=True, tag="protocols.run.reply"):
    """How the step stands.

    Args:
        job: its job.
        handed_over: by the edge's place among those that leave the step: whether the value has arrived at the other
            site. What has not, the caller may carry there (`CarryOver`).
    """

    job: JobView
    handed_over: tuple[bool, ...] = ()


class CarryOver(Message, frozen=True, tag="protocols.carry"):
    """Give me what goes over this edge, hidden for the other site, and I will bring it there. Answered by `Carried`.

    Args:
        code_uid: of the step that it leaves.
        run: which run.
        edge: its place among those that leave the step.
        offset: where in the value to begin.
    """

    code_uid: UID
    run: UID
    edge: int
    offset: int = 0


class Carried(Message, frozen=True, tag="protocols.carry.reply"):
    """An envelope for the other site, sealed by this node; what travels beside it is attached.

    Args:
        envelope: a `HandOver`, to be passed on as it is.
        next_offset: where the next part begins; None after the last.
    """

    envelope: bytes
    next_offset: int | None = None


class HandOver(Message, frozen=True, tag="protocols.handover"):
    """From one site of a protocol to another: a value for a step of yours, a part of it attached. Answered by `Done`.

    Signed by the node that sends and hidden for the node that takes, it binds protocol, run, steps, and both sites.

    Args:
        protocol: the digest of the deployment that both have approved.
        run: which run of it.
        source: the step whose result it is, from 0.
        target: the step that takes it.
        parameter: as what.
        digest: BLAKE3 of the whole value, 64 hex digits.
        size: of the whole value, in bytes.
        offset: where the attached part begins.
        type_name: what the value is said to be, for display.
    """

    protocol: str
    run: UID
    source: int
    target: int
    parameter: str
    digest: str
    size: int
    offset: int = 0
    type_name: str = ""


class EndRun(Message, frozen=True, tag="protocols.end"):
    """I am done with this run: forget what it has left at this site. Answered by `Done`, also where nothing was left.

    Args:
        code_uid: of a step of mine at this site.
        run: which run.
    """

    code_uid: UID
    run: UID


class GetStanding(Message, frozen=True, tag="protocols.standing"):
    """How do these codes of mine stand, steps of protocols? Answered by `StandingReply`, in the order asked."""

    code_uids: tuple[UID, ...]


class StandingReply(Message, frozen=True, tag="protocols.standing.reply"):
    """The state of the newest request for each: a name of `RequestState`, and the owner's words where there are any."""

    standing: tuple[Standing, ...]


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """How one step stands at its site.

    Args:
        code_uid: which.
        state: the name of a `RequestState`.
        reason: the owner's words.
        runs_left: how many more results its approval lets out.
    """

    code_uid: UID
    state: str
    reason: str = ""
    runs_left: int = 0
