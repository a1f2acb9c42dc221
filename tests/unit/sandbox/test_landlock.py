"""Rules on files, where the kernel has them, and how much is asked of kernels that have less."""

from __future__ import annotations

import errno
import os
import struct
import sys
from pathlib import Path
from typing import Any

import pytest

from syft.sandbox import closure, landlock
from syft.sandbox.closure import UnsafeClosure, is_within, outermost, readable_paths


class Kernel:
    """A kernel of some version, which may lack some scopes that belong to it."""

    def __init__(self, patch: pytest.MonkeyPatch, scopes: int = 3, fails: int = errno.EINVAL) -> None:
        self.asked: list[bytes] = []
        self._scopes = scopes
        self._fails = fails
        patch.setattr(landlock, "syscall", self.syscall)

    def syscall(self, name: str, *arguments: Any) -> int:
        assert name == "landlock_create_ruleset"
        attributes = arguments[0]
        self.asked.append(attributes)
        if len(attributes) == 24 and struct.unpack("QQQ", attributes)[2] & ~self._scopes:
            raise OSError(self._fails, "no")
        return 99


@pytest.mark.parametrize(
    ("abi", "size", "rights"), [(1, 8, 13), (2, 8, 14), (3, 8, 15), (4, 16, 15), (5, 16, 16), (7, 24, 16)]
)
def test_each_version_is_asked_for_what_it_knows(
    monkeypatch: pytest.MonkeyPatch, abi: int, size: int, rights: int
) -> None:
    kernel = Kernel(monkeypatch)
    assert landlock.Ruleset(abi).descriptor == 99
    (asked,) = kernel.asked
    assert len(asked) == size
    assert struct.unpack_from("Q", asked)[0] == (1 << rights) - 1 == landlock.handled(abi)


@pytest.mark.parametrize(("has", "attempts"), [(3, 1), (1, 2), (0, 3)])
def test_a_kernel_that_claims_more_than_it_has_is_asked_for_less(
    monkeypatch: pytest.MonkeyPatch, has: int, attempts: int
) -> None:
    kernel = Kernel(monkeypatch, scopes=has)
    assert landlock.Ruleset(6).scopes == has
    assert len(kernel.asked) == attempts


def test_another_refusal_is_not_stepped_around(monkeypatch: pytest.MonkeyPatch) -> None:
    Kernel(monkeypatch, scopes=0, fails=errno.EPERM)
    with pytest.raises(PermissionError):
        landlock.Ruleset(6)


def test_a_kernel_without_it_has_version_0(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> int:
        raise OSError(errno.ENOSYS, "no")

    monkeypatch.setattr(landlock, "syscall", refuse)
    assert landlock.version() == 0


def test_scratch_directories_may_hold_no_programs_or_devices() -> None:
    assert not landlock.FILL & (1 | 1 << 6 | 1 << 9 | 1 << 10 | 1 << 11)
    assert landlock.FILL & landlock.READ_AND_WRITE == landlock.READ_AND_WRITE


# --- what may be read


def test_the_closure_holds_the_interpreter_and_its_packages() -> None:
    paths = readable_paths()
    for needed in (os.__file__, pytest.__file__, sys.prefix):
        assert any(is_within(os.path.realpath(needed), os.path.realpath(path)) for path in paths), needed
    assert not any(is_within(path, place) for path in paths for place in ("/proc", "/run", "/var", "/dev"))
    assert "/" not in paths


def test_a_path_within_another_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    a, link = str(tmp_path / "a"), str(tmp_path / "link")
    os.symlink(a, link)
    assert outermost([f"{a}/b", a, link, f"{a}b"]) == [a, f"{a}b", link]


def test_within_is_a_matter_of_folders_and_not_of_letters() -> None:
    assert is_within("/a/b", "/a")
    assert is_within("/a", "/a")
    assert is_within("/a", "/")
    assert not is_within("/ab", "/a")


@pytest.mark.parametrize("name", ["", "data", "deep/er"])
def test_data_among_the_libraries_are_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path)])
    with pytest.raises(UnsafeClosure, match="keep the data in a folder outside"):
        readable_paths([str(tmp_path / name)])
    assert readable_paths([str(tmp_path.parent / "elsewhere")])


def test_a_link_does_not_hide_where_data_are(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    monkeypatch.setattr(sys, "path", [str(tmp_path / "real")])
    monkeypatch.setattr(closure, "_SYSTEM", ())
    with pytest.raises(UnsafeClosure):
        readable_paths([str(tmp_path / "link")])
