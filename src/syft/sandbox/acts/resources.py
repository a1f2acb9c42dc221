"""This module tries to take more of the machine than is a run's, and to keep what others would see."""

from __future__ import annotations

import ctypes
import mmap
import os
import threading
import time

from syft.sandbox.acts.kernel import call
from syft.sandbox.acts.table import Props, act

_GIB = 1 << 30


@act("resources", "take much memory", quick=True)
def _memory(props: Props) -> None:
    # Of zeros, which the kernel has not to find until they are read: to be refused them is what counts.
    bytes(3 * _GIB)


@act("resources", "take much shared memory", quick=True)
def _shared(props: Props) -> None:
    mmap.mmap(-1, 3 * _GIB).close()


@act("resources", "keep memory in a file without a name", quick=True)
def _memfd(props: Props) -> None:
    os.close(os.memfd_create("act"))


@act("resources", "take shared memory by its number", quick=True)
def _shmget(props: Props) -> None:
    identity = call("shmget", 0, 4096, 0o1600)
    ctypes.CDLL(None).shmctl(identity, 0, None)


@act("resources", "make a queue of messages", quick=True)
def _msgget(props: Props) -> None:
    identity = call("msgget", 0, 0o1600)
    ctypes.CDLL(None).msgctl(identity, 0, None)


@act("resources", "make a POSIX queue of messages")
def _mq_open(props: Props) -> None:
    name = f"syft-act-{os.getpid()}".encode()
    os.close(call("mq_open", name, os.O_CREAT | os.O_RDWR, 0o600, None))
    ctypes.CDLL(None).mq_unlink(b"/" + name)


@act("resources", "lock memory")
def _mlock(props: Props) -> None:
    area = mmap.mmap(-1, 1 << 20)
    start = ctypes.addressof(ctypes.c_char.from_buffer(area))
    if ctypes.CDLL(None).mlock(ctypes.c_void_p(start), 1 << 20) != 0:
        raise OSError("mlock")


@act("resources", "fill the disk")
def _disk(props: Props) -> None:
    # In several files, since each of them alone has a limit, too.
    try:
        for number in range(8):
            with open(f"big {number}", "wb") as file:
                for _ in range(props.limit_bytes // (4 << 20)):
                    file.write(bytes(1 << 20))
        # Where nothing but a look now and then keeps the limit, it takes a moment.
        time.sleep(2)
    finally:
        for number in range(8):
            if os.path.exists(f"big {number}"):
                os.unlink(f"big {number}")


@act("resources", "make very many files")
def _files(props: Props) -> None:
    os.mkdir("many")
    made = []
    try:
        for number in range(30_000):
            made.append(f"many/{number}")
            os.close(os.open(made[-1], os.O_CREAT | os.O_WRONLY, 0o600))
        # To look at so many takes long, and looking may take a tenth of the time only.
        time.sleep(6)
    finally:
        for path in made:
            if os.path.exists(path):
                os.unlink(path)
        os.rmdir("many")


@act("resources", "open very many files", quick=True)
def _descriptors(props: Props) -> None:
    opened = []
    try:
        opened = [os.dup(0) for _ in range(500)]
    finally:
        for descriptor in opened:
            os.close(descriptor)


@act("resources", "start very many threads")
def _threads(props: Props) -> None:
    leave = threading.Event()
    started = []
    try:
        for _ in range(props.threads + 10):
            thread = threading.Thread(target=leave.wait, daemon=True)
            thread.start()
            started.append(thread)
    finally:
        leave.set()
        for thread in started:
            thread.join()


@act("resources", "read the server's environment from its own", quick=True)
def _environment(props: Props) -> object:
    return "SYFT_ACT_SECRET" in os.environ


@act("resources", "use a descriptor of the server's", quick=True)
def _inherited(props: Props) -> object:
    # The one who starts the control outside hands it the descriptor of the secret file.
    for number in range(3, 256):
        try:
            if os.readlink(f"/proc/self/fd/{number}").startswith(props.secret):
                return os.pread(number, 6, 0) == b"secret"
        except OSError:
            continue
    return False
