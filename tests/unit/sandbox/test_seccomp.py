"""The list of kernel calls, by a small interpreter of the program that the kernel gets."""

from __future__ import annotations

import errno
import struct

import pytest

from syft.sandbox.seccomp import ALLOWED, FATAL, PRETENDED, build
from syft.sandbox.syscalls import AARCH64, MACHINES, X86_64, number

ALLOW, KILL, ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
AUDIT = {X86_64: 0xC000003E, AARCH64: 0xC00000B7}
PID = 4711


def answer(program: bytes, architecture: int, call: int, *arguments: int) -> int:
    """What the kernel would answer."""
    data = struct.pack("<IIQ6Q", call, architecture, 0, *arguments, *[0] * (6 - len(arguments)))
    at = register = 0
    while True:
        code, if_true, if_false, operand = struct.unpack_from("<HBBI", program, at * 8)
        at += 1
        match code:
            case 0x20:
                (register,) = struct.unpack_from("<I", data, operand)
            case 0x54:
                register &= operand
            case 0x15:
                at += if_true if register == operand else if_false
            case 0x35:
                at += if_true if register >= operand else if_false
            case 0x06:
                return int(operand)
            case _:
                raise AssertionError(f"an instruction that nobody meant: {code:#x}")


def ask(on: str, name: str, *arguments: int, truncate: bool = True) -> int:
    call = number(name, on)
    if call is None:
        pytest.skip("the machine does not have it")
    wide = [argument & 0xFFFFFFFFFFFFFFFF for argument in arguments]
    return answer(build(on, may_truncate=truncate).for_process(PID), AUDIT[on], call, *wide)


DENY = ERRNO | errno.EPERM


@pytest.mark.parametrize("on", MACHINES)
def test_every_call_by_its_name(on: str) -> None:
    program = build(on).for_process(PID)
    for names, expected in ((ALLOWED, ALLOW), (FATAL, KILL), (PRETENDED, ERRNO)):
        for name in names:
            call = number(name, on)
            assert call is None or answer(program, AUDIT[on], call) == expected, name


@pytest.mark.parametrize("on", MACHINES)
def test_what_is_not_named_is_denied(on: str) -> None:
    program = build(on).for_process(PID)
    by_argument = ("truncate", "prlimit64", "sched_setaffinity", "fcntl")
    named = {number(name, on) for name in (*ALLOWED, *FATAL, *PRETENDED, *by_argument)}
    answers = [answer(program, AUDIT[on], call) for call in range(2000) if call not in named]
    assert ALLOW not in answers
    assert answers[1000:] == [DENY] * len(answers[1000:])


@pytest.mark.parametrize("on", MACHINES)
def test_another_architectures_calls_end_the_run(on: str) -> None:
    program = build(on).for_process(PID)
    for architecture in (0x40000003, 0, *(other for other in AUDIT.values() if other != AUDIT[on])):
        assert answer(program, architecture, 0) == KILL
    if on == X86_64:
        assert answer(program, AUDIT[on], 0x40000000) == KILL


@pytest.mark.parametrize("on", MACHINES)
@pytest.mark.parametrize(
    ("name", "arguments", "expected"),
    [
        ("clone", (0x3D0F00,), ALLOW),
        ("clone", (17,), DENY),
        ("clone", (0x3D0F00 | 0x10000000,), DENY),
        ("clone3", (0, 88), ERRNO | errno.ENOSYS),
        ("kill", (PID, 9), ALLOW),
        ("kill", (PID + 1, 9), DENY),
        ("kill", (0, 9), DENY),
        ("kill", (-1, 9), DENY),
        ("tgkill", (PID, PID, 6), ALLOW),
        ("tgkill", (1, 1, 6), DENY),
        ("socket", (1, 1, 0), ERRNO | errno.EACCES),
        ("socketpair", (1, 1 | 0o2000000, 0), ALLOW),
        ("socketpair", (1, 2, 0), ERRNO | errno.EACCES),
        ("socketpair", (2, 1, 0), ERRNO | errno.EACCES),
        ("prlimit64", (0, 7), ALLOW),
        ("prlimit64", (1, 7), DENY),
        ("sched_setaffinity", (0,), ALLOW),
        ("sched_setaffinity", (1,), DENY),
        ("personality", (0xFFFFFFFF,), ALLOW),
        ("personality", (0x40000,), DENY),
        ("ioctl", (1, 0x5401), ALLOW),
        ("ioctl", (1, 0x5451), ALLOW),
        ("ioctl", (1, 0x5412), ERRNO | errno.ENOTTY),  # TIOCSTI: types into a terminal
        ("prctl", (15,), ALLOW),
        ("prctl", (0x53564D41,), ALLOW),
        ("prctl", (4, 1), DENY),
        ("fcntl", (1, 0), ALLOW),
        ("fcntl", (1, 1034), ALLOW),
        ("fcntl", (1, 8), DENY),  # F_SETOWN
        ("fcntl", (1, 10), DENY),  # F_SETSIG
    ],
)
def test_calls_that_depend_on_their_arguments(
    on: str, name: str, arguments: tuple[int, ...], expected: int
) -> None:
    assert ask(on, name, *arguments) == expected


@pytest.mark.parametrize("on", MACHINES)
def test_truncation_is_left_out_where_nothing_else_guards_files(on: str) -> None:
    assert ask(on, "truncate") == ALLOW
    assert ask(on, "truncate", truncate=False) == DENY


def test_a_machine_that_is_not_known_has_no_program() -> None:
    with pytest.raises(ValueError, match="knows no riscv64 machines"):
        build("riscv64")


def test_the_programs_are_short_enough_for_the_kernel() -> None:
    assert all(len(build(on).instructions) // 8 < 4096 for on in MACHINES)
