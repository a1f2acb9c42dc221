"""This module holds what a node and its cluster process say to each other: lines of JSON, so that neither unpickles."""

from __future__ import annotations

from typing import Final

import msgspec

# A line is a few texts. A process that says more has been taken over.
MAX_LINE: Final = 1 << 20


class AgentSpec(msgspec.Struct, frozen=True, kw_only=True):
    """What the agent in each of the cluster's workers is told. Nothing of it is secret.

    Args:
        place: names the pool among all pools of all nodes that use this cluster.
        pool: the pool's name, as its orders have it.
        url: of the node, as the workers reach it.
        node_key: the node's public key, 64 hex digits: no other node is believed.
        level: isolation level of the worker's fence, as in the node's settings.
        minimum: the weakest that will do.
        protected: folders of the worker's machine that no run may see.
        cache_bytes: how much stays of values that nobody uses.
    """

    place: str
    pool: str
    url: str
    node_key: str
    level: str
    minimum: str
    protected: tuple[str, ...] = ()
    cache_bytes: int = 4 << 30


# --- to the process


class SetUp(msgspec.Struct, frozen=True, kw_only=True, tag="set_up"):
    """The first word: which cluster, and for whom.

    Args:
        address: of the scheduler; empty: start a cluster here.
        tls_ca: file with the certificate of whoever signed the scheduler's; empty: no TLS.
        tls_cert: file with the node's own.
        tls_key: file with its key.
        workers: jobs at once, of a cluster that is started here.
        directory: for such a cluster's files.
        agent: for each worker.
    """

    address: str = ""
    tls_ca: str = ""
    tls_cert: str = ""
    tls_key: str = ""
    workers: int = 1
    directory: str = ""
    agent: AgentSpec


class Submit(msgspec.Struct, frozen=True, tag="submit"):
    """Send some worker for that order."""

    order: str


class Withdraw(msgspec.Struct, frozen=True, tag="withdraw"):
    """That order is over; whoever was to be sent for it need not go."""

    order: str


class Admitted(msgspec.Struct, frozen=True, tag="admitted"):
    """The key of the agent in that worker may take orders from now on."""

    worker: str


class Resize(msgspec.Struct, frozen=True, tag="resize"):
    """So many jobs at once, of a cluster that was started here."""

    workers: int


class Stop(msgspec.Struct, frozen=True, tag="stop"):
    """End, in order."""


ToCluster = SetUp | Submit | Withdraw | Admitted | Resize | Stop

# --- from the process


class Connected(msgspec.Struct, frozen=True, tag="connected"):
    """The scheduler is there."""

    scheduler: str


class Disconnected(msgspec.Struct, frozen=True, tag="disconnected"):
    """The scheduler is not there (any more), and with it all that was submitted."""

    why: str


class Found(msgspec.Struct, frozen=True, tag="found"):
    """A worker of the cluster has an agent, which has made itself a key.

    Args:
        worker: its address.
        key: 64 hex digits.
        name: for people.
    """

    worker: str
    key: str
    name: str


class Left(msgspec.Struct, frozen=True, tag="left"):
    """That worker is not there any more."""

    worker: str


class Unfit(msgspec.Struct, frozen=True, tag="unfit"):
    """That worker cannot run anything.

    Args:
        worker: its address.
        why: for the log.
    """

    worker: str
    why: str


class Ended(msgspec.Struct, frozen=True, tag="ended"):
    """Nobody is going to say anything more about an order.

    Args:
        order: which.
        why: if it was not run to its end as far as the cluster knows.
    """

    order: str
    why: str = ""


class Failed(msgspec.Struct, frozen=True, tag="failed"):
    """There is no use in trying again until the operator has changed something."""

    why: str


FromCluster = Connected | Disconnected | Found | Left | Unfit | Ended | Failed


def to_line(said: ToCluster | FromCluster) -> bytes:
    """One line."""
    return msgspec.json.encode(said) + b"\n"


_to_cluster: Final[msgspec.json.Decoder[ToCluster]] = msgspec.json.Decoder(ToCluster)
_from_cluster: Final[msgspec.json.Decoder[FromCluster]] = msgspec.json.Decoder(FromCluster)


def heard_by_cluster(line: bytes) -> ToCluster:
    """What the node said."""
    return _to_cluster.decode(line)


def heard_by_node(line: bytes) -> FromCluster:
    """What the process said; a `msgspec.MsgspecError` where it is nothing of the kind."""
    return _from_cluster.decode(line)
