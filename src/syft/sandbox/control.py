"""This module holds what server and zygote say to each other: packets, with descriptors beside them."""

from __future__ import annotations

import socket
from typing import Final, TypeVar

import msgspec

from syft.sandbox.limits import Limits

# Below the smallest default of net.core.wmem_max; a longer packet would be refused by the kernel.
PACKET_BYTES_MAX: Final = 192 << 10
DESCRIPTORS_MAX: Final = 253  # SCM_MAX_FD


class Configure(msgspec.Struct, tag=True, frozen=True):
    """To the zygote, once: what to become. With it goes the door of a control group to try, if runs are to have any.

    Args:
        level: isolation level to establish.
        preload: modules to import before the first job.
        scratch: directory in which each run gets one of its own.
        protected: directories that no run may be able to read.
        environment: that the zygote has, for what it starts in its place.
        packages: directory of packages that runs find before the server's own; empty for none.
    """

    level: str
    preload: list[str]
    scratch: str
    protected: list[str]
    environment: dict[str, str]
    packages: str = ""


class Fork(msgspec.Struct, tag=True, frozen=True):
    """To the zygote: a run. With it go stdout, stderr, the channel, and the input files.

    Args:
        uid: of this attempt at it, and of no other.
        limits: what it may use.
        grouped: a last descriptor is the door of its control group, into which it goes before anything else.
    """

    uid: str
    limits: Limits
    grouped: bool = False


class Ready(msgspec.Struct, tag=True, frozen=True):
    """From the zygote: jobs may come.

    Args:
        level: isolation level established.
        missing: modules that could not be imported.
        errors: names of all exception classes that exist in it; no stranger's code has run there.
        weaknesses: what this machine did not allow, one sentence each.
        own_bytes: memory that every run has from it, shared until it is written to.
        ungrouped: why runs cannot go into control groups, where that was to be tried.
    """

    level: str
    missing: list[str]
    errors: list[str]
    weaknesses: list[str]
    own_bytes: int = 0
    ungrouped: str = ""


class Unable(msgspec.Struct, tag=True, frozen=True):
    """From the zygote: it cannot be what was asked; it ends now.

    Args:
        why: what went wrong.
        for_level: it is the level that this machine does not allow; a weaker one may do.
    """

    why: str
    for_level: bool = False


class Forked(msgspec.Struct, tag=True, frozen=True):
    """From the zygote: the run's process exists. With it goes its pidfd.

    Args:
        uid: of the run.
        below: the run is in processes below that one, which existed before it.
    """

    uid: str
    below: bool = False


class Ended(msgspec.Struct, tag=True, frozen=True):
    """From the zygote: the run's process and all its descendants are gone.

    Args:
        status: exit status, or minus the signal that ended it; None if it could not be forked at all.
        cpu_s: processor seconds.
        max_rss_bytes: largest resident memory.
        why: what went wrong if it could not be forked.
        out_of_memory: the kernel ended it because its control group was at its limit; the server adds that.
    """

    uid: str
    status: int | None
    cpu_s: float = 0.0
    max_rss_bytes: int = 0
    why: str = ""
    out_of_memory: bool = False


ToZygote = Configure | Fork
ToServer = Ready | Unable | Forked | Ended

_Message = TypeVar("_Message")

to_zygote: Final = msgspec.msgpack.Decoder(ToZygote)
to_server: Final = msgspec.msgpack.Decoder(ToServer)


def send(connection: socket.socket, message: ToZygote | ToServer, descriptors: tuple[int, ...] = ()) -> None:
    """Send one packet; blocks while the other side is behind."""
    socket.send_fds(connection, [msgspec.msgpack.encode(message)], list(descriptors))


def receive(
    connection: socket.socket, decoder: msgspec.msgpack.Decoder[_Message]
) -> tuple[_Message | None, list[int]]:
    """The next packet and its descriptors, which the caller owns; None when the other side has gone."""
    try:
        data, descriptors, _, _ = socket.recv_fds(
            connection, PACKET_BYTES_MAX, DESCRIPTORS_MAX, socket.MSG_CMSG_CLOEXEC
        )
    except ConnectionResetError:  # it went without reading all that it was sent
        return None, []
    return (decoder.decode(data) if data else None), descriptors
