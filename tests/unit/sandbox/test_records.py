"""Records that check themselves, and the small functions beside them."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from syft.errors import InvalidInput
from syft.model.limits import bytes_text
from syft.sandbox import closure, family, zygote
from syft.sandbox.accounting import pid_of, used_below, used_by
from syft.sandbox.contract import Execution, FileInput, InlineInput
from syft.sandbox.control import Ended
from syft.sandbox.lifeline import Lifeline
from syft.sandbox.supervise import Printed

UID = "0123456789abcdef" * 2


@pytest.mark.parametrize(
    "fields",
    [
        {"uid": "../../etc"},
        {"uid": UID.upper()},
        {"uid": UID + "\n"},
        {"entry": "a b"},
        {"entry": ""},
        {"inputs": {"a.b": InlineInput(b"")}},
        {"links": frozenset({"import this"})},
        {"datasite_parameter": "1"},
        {"datasite_parameter": "x", "inputs": {"x": InlineInput(b"")}},
        {"inputs": {f"x{n}": FileInput(Path(f"/x{n}")) for n in range(241)}},
        {"references": (InlineInput(b""),) * 10_001},
        {"references": (InlineInput(bytes(40 << 20)),) * 2},
        {"inputs": {"x": InlineInput(bytes(40 << 20)), "y": InlineInput(bytes(40 << 20))}},
    ],
)
def test_an_execution_that_makes_no_sense_cannot_be_made(fields: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        Execution(**{"uid": UID, "source": "", "entry": "f", **fields})


def test_an_execution_that_makes_sense_can() -> None:
    inputs = {"x": InlineInput(b""), "y": FileInput(Path("/y"))}
    assert (
        Execution(uid=UID, source="", entry="f", inputs=inputs, datasite_parameter="datasite").links
        == frozenset()
    )


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 bytes"), (1023, "1023 bytes"), (1024, "1 KiB"), (3 << 29, "1536 MiB"), (1 << 30, "1 GiB")],
)
def test_sizes_read_as_people_write_them(count: int, text: str) -> None:
    assert bytes_text(count) == text


def test_printed_text_is_kept_up_to_the_limit() -> None:
    printed = Printed(4)
    printed.add(b"abc")
    assert printed.text() == "abc"
    printed.add(b"def")
    printed.add(b"ghi")
    assert printed.text() == "abcd\n[cut: 4 bytes of 9 bytes are kept]\n"
    assert printed.total == 9


def wait_until(condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 30
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


@pytest.fixture
def sleeper() -> Any:
    with subprocess.Popen(["sleep", "60"]) as process:
        yield process
        process.kill()


def test_a_living_process_is_accounted_for_and_a_dead_one_is_not(sleeper: subprocess.Popen[bytes]) -> None:
    pidfd = os.pidfd_open(sleeper.pid)
    assert pid_of(pidfd) == sleeper.pid
    used = used_by(pidfd)
    assert used is not None
    assert 0 <= used[0] < 1
    assert used[1] > 1000
    sleeper.kill()
    os.waitid(os.P_PID, sleeper.pid, os.WEXITED | os.WNOWAIT)
    assert used_by(pidfd) is None
    sleeper.wait()
    assert pid_of(pidfd) is None
    assert used_by(pidfd) is None
    os.close(pidfd)


def test_what_is_below_a_process_counts_with_it() -> None:
    """A shell that waits for one that has worked: its own time is nothing."""
    work = "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done; sleep 60; true"
    with subprocess.Popen(["sh", "-c", f"sh -c '{work}' & wait"], start_new_session=True) as process:
        try:
            pidfd = os.pidfd_open(process.pid)
            lifeline = Lifeline()
            lifeline.forked(os.dup(pidfd), below=True)
            assert lifeline.cpu_s() == 0  # not before it has begun
            lifeline.begin()
            assert wait_until(lambda: len(family.with_descendants(process.pid)) == 3)
            used = used_below(pidfd)
            assert used is not None
            assert used[0] >= 0.05
            assert used[1] > 1000
            assert lifeline.used()[0] <= used[0]
            process.wait()
            assert used_below(pidfd) is None
            os.close(pidfd)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def test_a_kill_before_the_process_is_known_waits_for_it(sleeper: subprocess.Popen[bytes]) -> None:
    lifeline = Lifeline()
    assert lifeline.kill("early")
    assert lifeline.kill("second")
    lifeline.forked(os.pidfd_open(sleeper.pid))
    assert sleeper.wait(10) == -signal.SIGKILL
    lifeline.end(Ended(UID, -9, 0.5, 100))
    assert lifeline.used() == (0.5, 100)
    assert lifeline.answer() == "early"
    assert not lifeline.kill("late")
    lifeline.wake()


def test_a_lost_process_is_dead_when_that_is_known(sleeper: subprocess.Popen[bytes]) -> None:
    lifeline = Lifeline()
    lifeline.forked(os.pidfd_open(sleeper.pid))
    lifeline.lose("broke")
    assert sleeper.poll() == -signal.SIGKILL
    assert (lifeline.lost, lifeline.ended, lifeline.used()) == ("broke", None, (0.0, 0))
    assert lifeline.answer() is None


def test_what_is_answered_before_it_is_known_is_ended_all_the_same(sleeper: subprocess.Popen[bytes]) -> None:
    lifeline = Lifeline()
    assert lifeline.answer() is None
    lifeline.forked(os.pidfd_open(sleeper.pid))
    assert sleeper.wait(10) == -signal.SIGKILL
    lifeline.end(Ended(UID, -9))


def test_all_names_of_errors_are_known() -> None:
    class Unusual(ValueError):
        pass

    assert {"BaseException", "KeyError", Unusual.__name__} <= zygote._error_names(BaseException)


def test_children_are_found_with_and_without_the_kernels_list(
    sleeper: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert sleeper.pid in family.children(os.getpid())
    read_text = Path.read_text

    def without(path: Path, *args: Any, **kwargs: Any) -> str:
        if path.name == "children":
            raise FileNotFoundError
        return read_text(path, *args, **kwargs)

    monkeypatch.setattr(Path, "read_text", without)
    assert sleeper.pid in family.children(os.getpid())
    assert family.parent(2**30) == 0


def test_what_is_not_installed_is_told() -> None:
    assert zygote._preload(["json", "no_such_module_anywhere"]) == ["no_such_module_anywhere"]


def test_a_process_can_be_forbidden_to_fork(sleeper: subprocess.Popen[bytes]) -> None:
    family.stop_breeding(sleeper.pid)
    assert (
        "Max processes             0                    0" in Path(f"/proc/{sleeper.pid}/limits").read_text()
    )
    sleeper.kill()
    sleeper.wait()
    family.stop_breeding(sleeper.pid)


DESCRIPTORS = """
    import os
    from syft.sandbox.jail import arrange_descriptors
    pairs = [os.pipe() for _ in range(3)]
    for number, (_, writing) in enumerate(pairs):
        os.write(writing, b"%d" % number)
    reading = [pair[0] for pair in pairs]
    os.dup2(reading[2], 1)
    os.dup2(reading[1], 2)
    arrange_descriptors([reading[0], 2, 1, pairs[0][1]])
    assert [os.read(number, 1) for number in range(3)] == [b"0", b"1", b"2"]
    assert sorted(map(int, os.listdir("/proc/self/fd")))[:-1] == [0, 1, 2, 3]
    os._exit(7)
"""


def test_descriptors_are_arranged_even_where_they_overlap() -> None:
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(DESCRIPTORS)], check=False)
    assert done.returncode == 7


def test_what_an_image_has_is_not_imported_beforehand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packages, own = tmp_path / "packages", tmp_path / "own"
    for folder in (packages, own):
        folder.mkdir()
    for name in ("of_both", "six.py", "wave-1.0.dist-info", "ext.cpython-311-x86_64-linux-gnu.so"):
        (packages / name).mkdir()
    assert {"of_both", "six", "ext"} <= closure.importable_names(str(packages))
    (own / "of_both.py").write_text("")
    (own / "asks_for_both.py").write_text("try:\n    import of_both\nexcept ImportError:\n    pass\n")
    monkeypatch.syspath_prepend(own)
    # Deep inside, too: nothing of it is then, and nothing was.
    names = ["json", "asks_for_both"]
    assert zygote.preload(names, str(packages)) == names
    assert "of_both" not in sys.modules
    (packages / "of_both").rmdir()
    (packages / "six.py").rmdir()
    assert zygote.preload([*names, "no_such_module_anywhere"], str(packages)) == ["no_such_module_anywhere"]
    assert zygote.preload(["json"], "") == []
    for name in ("of_both", "asks_for_both"):
        del sys.modules[name]


def test_packages_may_be_read_from_where_all_else_may_not(tmp_path: Path) -> None:
    packages = tmp_path / "environments" / "0" / "packages"
    packages.mkdir(parents=True)
    readable = closure.readable_paths([str(tmp_path)], str(packages))
    assert str(packages) in readable
    assert not any(closure.is_within(str(packages.parent), path) for path in readable)
    # It is no way around: a folder with data in it is not one.
    with pytest.raises(closure.UnsafeClosure, match="environments"):
        closure.readable_paths([str(packages.parent)], str(tmp_path))
