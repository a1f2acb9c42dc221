"""This module holds what is said between a node and its workers on other machines: joining, orders, results.

A worker asks and the node answers, so that a worker needs no address and opens no port. Every message about an
order carries that order's token: what a worker says late, of an order that was given up, is refused by it.
"""

from __future__ import annotations

from typing import Final

import msgspec

from syft.model.message import Message
from syft.model.uid import UID
from syft.model.worker import WorkerState

# As much as goes beside one message, of inputs and of results.
PIECE_BYTES: Final = 4 * 1024 * 1024
# Inputs up to this are part of their order; what is more is fetched by its digest, and kept by the worker.
ALONG_BYTES: Final = 64 * 1024
TOKEN_BYTES: Final = 16
MAX_PACKAGES: Final = 5_000
MAX_HELD: Final = 2_000
# Of text that is shown to the owner only: as printed, with room for what is said of a cut.
MAX_SAID: Final = 2 * 1024 * 1024


# --- joining


class JoinSecret(msgspec.Struct, frozen=True):
    """A join token on its way, sealed to the node's key.

    Args:
        token: as `pool.token()` told it.
        sender: the key that signs the message; recorded, it is worth nothing in another's.
    """

    token: str
    sender: bytes


class JoinPool(Message, frozen=True, tag="work.join"):
    """Let this key take the work of a pool. Answered by `Joined`; by a refusal where it was revoked or cannot fit.

    Args:
        pool: its name.
        name: of the worker, for people.
        slots: how many orders of one depth it runs at once.
        level: the isolation level its fence has proved.
        environment: digest of what code runs in there; must be that of the pool.
        packages: what that digest is made from, to tell what differs.
        sealed: a `JoinSecret`, or empty.
    """

    pool: str
    name: str
    slots: int
    level: str
    environment: str
    packages: tuple[str, ...] = ()
    sealed: bytes = b""


class Joined(Message, frozen=True, tag="work.join.reply"):
    """How it stands.

    Args:
        state: waiting until an administrator has decided, then ask again; or admitted.
        session: by which all that follows goes; the last process that joined with a key has the only one.
        lease_s: seconds without a word after which the orders of a worker are given up.
        ask_again_s: while it waits.
    """

    state: WorkerState
    session: UID | None = None
    lease_s: float = 0.0
    ask_again_s: float = 2.0


class LeavePool(Message, frozen=True, tag="work.leave"):
    """This process takes no more work; what it still holds is given up. Answered by `Done`."""

    session: UID


# --- orders


class Given(msgspec.Struct, frozen=True, kw_only=True):
    """One value that an order takes.

    Args:
        inline: its bytes, where they are few.
        digest: blake3 of its bytes, 64 hex digits, by which they are fetched otherwise.
        size: how many they are.
    """

    inline: bytes | None = None
    digest: str = ""
    size: int = 0


class OrderView(msgspec.Struct, frozen=True, kw_only=True):
    """One run of one function, as a worker is given it. See `sandbox.contract.Execution`.

    Args:
        uid: of the order; nothing of the job's.
        token: to be said with every word about it.
        source: what is run.
        entry: the function in it.
        inputs: by parameter.
        references: what placeholders in the inputs stand for.
        links: what it may launch.
        datasite_parameter: as whom it is given the node.
        limits: by field of the sandbox's `Limits`.
        profile: libraries it would like to find.
        has_host: whether the node answers what it asks.
    """

    uid: UID
    token: bytes
    source: str
    entry: str
    inputs: dict[str, Given] = {}
    references: tuple[Given, ...] = ()
    links: tuple[str, ...] = ()
    datasite_parameter: str | None = None
    limits: dict[str, int | float] = {}
    profile: str = ""
    has_host: bool = False


class TakeWork(Message, frozen=True, tag="work.take"):
    """Give me an order as soon as there is one for which I have a slot. Answered by `WorkReply`.

    Args:
        session: see `Joined`.
        wait_s: how long the answer may wait; the node bounds it.
        order: this one and no other; for those who were sent for it.
    """

    session: UID
    wait_s: float = 0.0
    order: UID | None = None


class WorkReply(Message, frozen=True, tag="work.take.reply"):
    """An order, or None where there was none in time.

    Args:
        order: to run.
        pause_s: how long to wait before asking again: the node could not let the answer wait.
    """

    order: OrderView | None = None
    pause_s: float = 0.0


class News(msgspec.Struct, frozen=True, kw_only=True):
    """Something that a worker must know about an order it holds.

    Args:
        order: which.
        call: of a launched run that has ended; None: stop working on the order.
        number: by which news are counted.
    """

    order: UID
    call: int | None = None
    number: int = 0


class Attend(Message, frozen=True, tag="work.attend"):
    """I am there, and hold these orders: their leases begin anew. Answered by `NewsReply`, at once where there are any.

    Args:
        session: see `Joined`.
        held: the orders that the worker has.
        after: the number of the last news it has heard.
        wait_s: how long the answer may wait; the node bounds it.
    """

    session: UID
    held: tuple[UID, ...] = ()
    after: int = 0
    wait_s: float = 0.0


class NewsReply(Message, frozen=True, tag="work.attend.reply"):
    """What there is to know, oldest first.

    Args:
        news: each with a number above `Attend.after`, or 0: then it is said again until the worker has acted.
        pause_s: see `WorkReply`.
    """

    news: tuple[News, ...] = ()
    pause_s: float = 0.0


class FetchInput(Message, frozen=True, tag="work.fetch"):
    """Let me have a value that an order of mine takes. Answered by `Piece`, with up to `PIECE_BYTES` attached."""

    order: UID
    token: bytes
    digest: str
    offset: int = 0


class Piece(Message, frozen=True, tag="work.piece"):
    """Part of a value, attached.

    Args:
        size: of the whole value.
    """

    size: int


class Ref(msgspec.Struct, frozen=True, kw_only=True):
    """A value that a run names instead of sending it: of a launch of its own, or of an input of its own.

    Args:
        call: of the launch; None where it is an input.
        name: of the input's parameter.
        part: which part of a partitioned input.
    """

    call: int | None = None
    name: str = ""
    part: int | None = None


class LaunchView(msgspec.Struct, frozen=True, kw_only=True):
    """Something that a run launches.

    Args:
        call: the number that the run gave it.
        name: of the function.
        sizes: of its inputs, by parameter: they lie one after the other in what was put for this call.
        references: what placeholders in those stand for.
    """

    call: int
    name: str
    sizes: dict[str, int] = {}
    references: tuple[Ref, ...] = ()


class PutLaunch(Message, frozen=True, tag="work.launch.put"):
    """Bytes of the inputs of the next launches of an order, attached; in order. Answered by `Done`.

    Args:
        offset: how many came before, since the last `Launch`.
    """

    order: UID
    token: bytes
    offset: int = 0


class Launch(Message, frozen=True, tag="work.launch"):
    """Launch these, in this order; the last bytes of their inputs are attached. Answered by `Launched`.

    Args:
        launches: their inputs lie one after the other, too.
        offset: how many bytes of them came before.
    """

    order: UID
    token: bytes
    launches: tuple[LaunchView, ...]
    offset: int = 0


class Refused(msgspec.Struct, frozen=True):
    """A launch that is not going to be run.

    Args:
        call: which.
        code: of the error (`errors.BY_CODE`).
        text: its public message.
    """

    call: int
    code: str
    text: str


class Launched(Message, frozen=True, tag="work.launch.reply"):
    """Those that are not refused will be run in their turn."""

    refused: tuple[Refused, ...] = ()


class Collect(Message, frozen=True, tag="work.collect"):
    """What has become of a launch. Answered by `Collected`, with up to `PIECE_BYTES` of its result attached.

    Args:
        call: which.
        offset: where in the result to begin.
    """

    order: UID
    token: bytes
    call: int
    offset: int = 0


class Collected(Message, frozen=True, tag="work.collect.reply"):
    """How a launch stands.

    Args:
        ended: whether it has; if not, there will be news of it.
        size: of the whole result.
    """

    ended: bool
    size: int = 0


class PutResult(Message, frozen=True, tag="work.put"):
    """The next bytes of an order's result, attached; in order. Answered by `Done`.

    Args:
        offset: how many came before; what has been taken already is not taken again.
    """

    order: UID
    token: bytes
    offset: int = 0


class TellOrder(Message, frozen=True, tag="work.tell"):
    """How far a run is, and what it has printed since the last word. Answered by `Done`."""

    order: UID
    token: bytes
    current: int | None = None
    total: int | None = None
    stdout: str = ""
    stderr: str = ""


class OutcomeView(msgspec.Struct, frozen=True, kw_only=True):
    """How a run ended, as a worker says. See `sandbox.contract.Outcome`."""

    status: str
    reason: str = ""
    error_type: str | None = None
    error_line: int | None = None
    error_text: str = ""
    traceback: str = ""
    stdout: str = ""
    stderr: str = ""
    result_type: str | None = None
    result_shape: tuple[int, ...] = ()
    result_size: int = 0
    wall_s: float = 0.0
    cpu_s: float = 0.0
    max_rss_bytes: int = 0
    level: str = ""


class FinishOrder(Message, frozen=True, tag="work.finish"):
    """An order has been run to its end; the last bytes of its result are attached. Answered by `Done`.

    Args:
        order: which.
        token: of the order.
        outcome: how it ended.
        offset: how many bytes of the result came before.
        digest: blake3 of the whole result, 64 hex digits; empty where there is none.
    """

    order: UID
    token: bytes
    outcome: OutcomeView
    offset: int = 0
    digest: str = ""
