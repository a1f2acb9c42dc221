"""This module tries to speak to anybody."""

from __future__ import annotations

import ctypes
import os
import socket

from syft.sandbox.acts.table import Props, act

_HERE = "127.0.0.1"


def _connect_in_folder(one: socket.socket, props: Props, name: str) -> None:
    """Connect to a socket there; from there, since its whole path may be longer than an address can be."""
    before = os.getcwd()
    os.chdir(props.folder)
    try:
        one.connect(name)
    finally:
        os.chdir(before)


@act("network", "connect by TCP", quick=True)
def _tcp(props: Props) -> None:
    socket.create_connection((_HERE, props.port), timeout=2).close()


@act("network", "send by UDP", proven_outside=True)
def _udp(props: Props) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.sendto(props.mark.encode(), (_HERE, props.port))


@act("network", "make a UDP socket", quick=True)
def _udp_socket(props: Props) -> None:
    socket.socket(socket.AF_INET, socket.SOCK_DGRAM).close()


@act("network", "make an IPv6 socket", quick=True)
def _ipv6(props: Props) -> None:
    socket.socket(socket.AF_INET6, socket.SOCK_STREAM).close()


@act("network", "listen", quick=True)
def _listen(props: Props) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as one:
        one.bind((_HERE, 0))
        one.listen()


@act("network", "connect to an abstract socket", quick=True)
def _abstract(props: Props) -> None:
    with socket.socket(socket.AF_UNIX) as one:
        one.connect("\0" + props.abstract)


@act("network", "connect to a socket in the file system", quick=True)
def _unix(props: Props) -> None:
    with socket.socket(socket.AF_UNIX) as one:
        _connect_in_folder(one, props, "socket")


@act("network", "send from one end of a pair", proven_outside=True)
def _pair(props: Props) -> None:
    one, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with one, other:
        _connect_in_folder(one, props, "datagrams")
        one.send(props.mark.encode())


@act("network", "make a raw socket")
def _raw(props: Props) -> None:
    socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP).close()


@act("network", "make a packet socket")
def _packet(props: Props) -> None:
    socket.socket(socket.AF_PACKET, socket.SOCK_RAW).close()


@act("network", "speak to the kernel's network", quick=True)
def _netlink(props: Props) -> None:
    socket.socket(socket.AF_NETLINK, socket.SOCK_RAW).close()


@act("network", "speak to the host of a virtual machine")
def _vsock(props: Props) -> None:
    socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM).close()


@act("network", "use the kernel's ciphers")
def _alg(props: Props) -> None:
    socket.socket(socket.AF_ALG, socket.SOCK_SEQPACKET).close()


@act("network", "ask for the interfaces", quick=True)
def _interfaces(props: Props) -> object:
    return socket.if_nameindex()


@act("network", "read the machine's connections")
def _connections(props: Props) -> object:
    with open("/proc/self/net/tcp") as file:
        return f":{props.port:04X} " in file.read()


@act("network", "resolve by the C library")
def _resolve(props: Props) -> object:
    libc = ctypes.CDLL(None)
    return libc.socket(socket.AF_INET, socket.SOCK_DGRAM, 0) >= 0
