"""Kernels that lack a call: each is played by a filter that makes that call fail, for a whole tree of processes."""

from __future__ import annotations

import errno
import json
import os
import struct
import subprocess
import sys
from typing import Any

import pytest

from syft.sandbox import linux
from syft.sandbox.syscalls import number

PLAY = """
import ctypes, errno, io, json, os, sys, tempfile, uuid
from syft.sandbox import landlock, linux
from syft.sandbox.runner import *
missing, level = json.loads(sys.argv[1]), sys.argv[2]
linux.prctl(linux.PR_SET_NO_NEW_PRIVS, 1)
linux.load_filter(bytes.fromhex(sys.argv[3]))
"""
RUN = """
runner = EmbeddedRunner(level=level, preload=[])
try:
    runner.wait()
    work = Execution(uid=uuid.uuid4().hex, source=SOURCE, entry="f")
    outcome = runner.run(work, result=io.BytesIO())
    told = [outcome.status.value, outcome.stdout, *runner.weaknesses]
except Exception as error:
    told = ["refused", str(error)]
runner.close()
print(json.dumps(told))
"""


def without(*names: str) -> str:
    """A program for the kernel, as hex: these calls are not there, and all else is allowed."""
    numbers = [found for name in names if (found := number(name)) is not None]
    code = [(0x20, 0, 0, 0)]
    code += [(0x15, len(numbers) - at, 0, one) for at, one in enumerate(numbers)]
    code += [(0x06, 0, 0, 0x7FFF0000), (0x06, 0, 0, 0x00050000 | errno.ENOSYS)]
    return b"".join(struct.pack("<HBBI", *one) for one in code).hex()


def play(script: str, *names: str, level: str = "") -> Any:
    command = [sys.executable, "-c", PLAY + script, json.dumps(names), level, without(*names)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=150)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def ran(level: str, *names: str, source: str = "def f(): return 1") -> list[str]:
    script = f"SOURCE = {source!r}\n{RUN}"
    if play(script, level=level)[0] == "refused":
        pytest.skip(f"this machine has no {level}")
    return play(script, *names, level=level)


LANDLOCK = ("landlock_create_ruleset", "landlock_add_rule", "landlock_restrict_self")


def test_without_landlock_namespaces_say_what_they_lack_and_hide_more() -> None:
    source = "import os\ndef f(): print(os.path.exists('/proc/meminfo'), os.path.exists('/proc/self/stat'))"
    assert ran("namespaces", source=source)[1] == "True True\n"
    status, printed, *weaknesses = ran("namespaces", *LANDLOCK, source=source)
    assert (status, printed) == ("finished", "False True\n")
    assert any("no Landlock" in one for one in weaknesses)


def test_without_landlock_there_is_no_such_level() -> None:
    status, why = ran("landlock", *LANDLOCK)
    assert status == "refused"
    assert "this kernel has no Landlock" in why


def test_without_read_only_bind_mounts_there_are_no_namespaces() -> None:
    status, why = ran("namespaces", "mount_setattr")
    assert status == "refused"
    assert "mount_setattr" in why


def test_without_user_namespaces_the_text_says_so() -> None:
    status, why = ran("namespaces", "unshare")
    assert status == "refused"
    assert "unshare" in why


def test_without_seccomp_no_level_with_a_fence_runs_anything() -> None:
    assert ran("landlock", "seccomp")[0] == "refused"


CLOSE = """
kept, *others = [os.open("/dev/null", os.O_RDONLY) for _ in range(5)]
linux.close_from(kept + 1)
def is_open(descriptor):
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True
print(json.dumps([is_open(one) for one in (kept, *others)]))
"""


@pytest.mark.parametrize("missing", [(), ("close_range",)])
def test_descriptors_are_closed_one_by_one_where_they_cannot_be_at_once(missing: tuple[str, ...]) -> None:
    assert play(CLOSE, *missing) == [True, False, False, False, False]


def test_a_call_without_a_number_is_one_that_the_kernel_does_not_have(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # As some calls are on aarch64.
    monkeypatch.setattr(linux, "number", lambda _: None)
    with pytest.raises(OSError, match="pivot_root") as raised:
        linux.pivot_root("a", "b")
    assert raised.value.errno == errno.ENOSYS


ORPHAN = """
try:
    linux.die_with_parent(os.getppid() + 1)
except ProcessLookupError as error:
    print(json.dumps(str(error)))
"""


def test_a_parent_that_has_died_before_it_could_be_asked_about_is_noticed() -> None:
    assert play(ORPHAN) == "the parent has died"


def test_a_descriptor_that_cannot_be_closed_is_not_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: int) -> None:
        raise OSError(errno.EIO, "the disk has gone")

    with monkeypatch.context() as patch:
        patch.setattr(os, "close", refuse)
        with pytest.raises(OSError, match="the disk has gone"):
            linux._close_if_open(3)
