"""Which control groups are the server's to divide; and, where the kernel has them, what becomes of them.

What they limit is tested in a machine that has the controllers: `tests/vm/`.
"""

from __future__ import annotations

import os
import signal
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from syft.model.limits import MIB
from syft.sandbox import cgroups, delegation
from syft.sandbox.cgroups import KERNEL_BYTES, Delegation, Group, Groups
from syft.sandbox.delegation import NotDelegated, Place
from syft.sandbox.limits import Limits

V1 = "36 31 0:33 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n"
UNIFIED = "41 31 0:38 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n"


@pytest.mark.parametrize(
    ("mountinfo", "membership", "group", "top"),
    [
        (UNIFIED, "0::/\n", "/sys/fs/cgroup", "/sys/fs/cgroup"),
        (V1 + UNIFIED, "4:memory:/x\n0::/a/b\n", "/sys/fs/cgroup/a/b", "/sys/fs/cgroup"),
        (
            "1 2 0:3 /a /mnt/with\\040space rw - cgroup2 c rw\n",
            "0::/a/b\n",
            "/mnt/with space/b",
            "/mnt/with space",
        ),
        ("1 2 0:3 /a /mnt rw - cgroup2 c rw\n", "0::/a\n", "/mnt", "/mnt"),
        # Of two mounts, the one that shows where we are.
        ("1 2 0:3 /z /mnt rw - cgroup2 c rw\n" + UNIFIED, "0::/a\n", "/sys/fs/cgroup/a", "/sys/fs/cgroup"),
    ],
)
def test_our_own_group_is_found(mountinfo: str, membership: str, group: str, top: str) -> None:
    assert delegation.locate(mountinfo, membership) == Place(Path(group), Path(top))


@pytest.mark.parametrize(
    ("mountinfo", "membership", "why"),
    [
        (V1, "4:memory:/x\n", "no control groups of version 2"),
        (V1, "0::/\n", "not mounted"),
        ("1 2 0:3 /ab /mnt rw - cgroup2 c rw\n", "0::/a\n", "not mounted"),
        (UNIFIED, "", "no control groups of version 2"),
        # A group outside of our own namespace of groups.
        (UNIFIED, "0::/../other\n", "not mounted"),
    ],
)
def test_without_a_group_in_sight_there_is_none(mountinfo: str, membership: str, why: str) -> None:
    with pytest.raises(NotDelegated, match=why):
        delegation.locate(mountinfo, membership)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A tree as the kernel shows it to a container, in plain files."""
    return group_at(tmp_path / "top")


def group_at(path: Path, controllers: str = "cpu memory pids", passed_on: str = "") -> Path:
    path.mkdir()
    for name, text in {
        "cgroup.controllers": controllers,
        "cgroup.subtree_control": passed_on,
        "cgroup.procs": "",
        "cgroup.type": "domain",
    }.items():
        (path / name).write_text(text)
    return path


def test_a_tree_of_our_own_is_ours(tree: Path) -> None:
    assert delegation.choose(Place(tree, tree)) == tree
    # Also after the server has moved to where runs are not in its way.
    assert delegation.choose(Place(group_at(tree / delegation.SERVER), tree)) == tree


def test_a_group_of_somebody_elses_is_not(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    service = group_at(tree / "service")
    with pytest.raises(NotDelegated, match="service has not been delegated to the server"):
        delegation.choose(Place(service, tree))
    monkeypatch.setattr(delegation, "_mark", lambda group, _: b"1" if group == service else b"")
    assert delegation.choose(Place(service, tree)) == service
    assert delegation.choose(Place(group_at(service / "main"), tree)) == service


def test_what_cannot_be_written_to_is_not(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda path, _: Path(path).name != "cgroup.procs")
    with pytest.raises(NotDelegated, match="not been delegated"):
        delegation.choose(Place(tree, tree))


def test_where_the_owner_changes_something_was_handed_over(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give files to somebody else")
    service = group_at(tree / "service")
    inner = group_at(service / "inner")
    for path in (service, inner):
        os.chown(path, 1000, 1000)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert delegation.choose(Place(service, tree)) == service
    assert delegation.choose(Place(inner, tree)) == service


def test_memory_and_processes_must_be_limited_there(tmp_path: Path) -> None:
    bare = group_at(tmp_path / "bare", controllers="cpu pids")
    with pytest.raises(NotDelegated, match="bare lacks the controllers memory"):
        delegation.choose(Place(bare, bare))


def test_the_server_stays_where_others_are(tree: Path) -> None:
    (tree / "cgroup.procs").write_text(f"{os.getpid()}\n1\n")
    with pytest.raises(NotDelegated, match="other processes than the server"):
        delegation.divide(tree)
    assert (tree / "cgroup.subtree_control").read_text() == ""
    (tree / "cgroup.procs").write_text("0\n")  # somebody whom this namespace of processes does not show
    with pytest.raises(NotDelegated, match="other processes than the server"):
        delegation.divide(tree)


def test_the_first_process_of_a_container_makes_way_with_the_server_that_it_has_forked(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tree / "cgroup.procs").write_text(f"1\n{os.getpid()}\n")
    monkeypatch.setattr(os, "getppid", lambda: 1)
    commands = {"1": b"an-init\0", "self": b"syft\0launch\0"}
    monkeypatch.setattr(delegation, "_command", lambda pid: commands[pid])
    with pytest.raises(NotDelegated, match="other processes than the server"):
        delegation.divide(tree)
    commands["1"] = commands["self"]
    delegation.divide(tree)
    assert (tree / delegation.SERVER / "cgroup.procs").exists()


def test_a_group_that_is_divided_already_is_left_as_it_is(tmp_path: Path) -> None:
    divided = group_at(tmp_path / "divided", passed_on="memory pids")
    (divided / "cgroup.procs").write_text("1\n")
    delegation.divide(divided)
    assert (divided / "cgroup.subtree_control").read_text() == "memory pids"


def group_in(path: Path, limits: Limits, own_bytes: int = 0) -> Group:
    path.mkdir()
    (path / "memory.swap.max").write_text("max")
    return Group(path, limits, own_bytes)


def test_nothing_that_fits_the_limits_is_refused(tmp_path: Path) -> None:
    limits = Limits(memory_bytes=512 * MIB, scratch_bytes=64 * MIB, threads=9)
    group_in(tmp_path / "run", limits, own_bytes=MIB)
    figures = {path.name: path.read_text() for path in (tmp_path / "run").iterdir()}
    assert figures == {
        "memory.max": str(577 * MIB + KERNEL_BYTES),
        "memory.swap.max": "0",
        "memory.oom.group": "1",
        "pids.max": "10",
    }


def test_limits_beyond_the_kernels_figures_are_none(tmp_path: Path) -> None:
    group_in(tmp_path / "run", Limits(memory_bytes=1 << 80, threads=1 << 40))
    assert (tmp_path / "run" / "memory.max").read_text() == str(1 << 62)
    assert (tmp_path / "run" / "pids.max").read_text() == str(1 << 22)


@pytest.mark.parametrize(
    ("events", "met"),
    [
        ("low 0\nmax 9\noom 1\noom_kill 3\noom_group_kill 1\n", True),
        ("oom 0\noom_kill 1\n", False),  # the machine's memory, or that of a group above
        ("oom 2\noom_kill 0\n", False),
        ("", False),
    ],
)
def test_a_limit_was_met_if_the_kernel_says_so_of_this_group(tmp_path: Path, events: str, met: bool) -> None:
    group = group_in(tmp_path / "run", Limits())
    assert not group.ran_out_of_memory()
    (tmp_path / "run" / "memory.events").write_text(events)
    assert group.ran_out_of_memory() is met


def test_without_groups_there_is_a_reason_and_no_second_try(monkeypatch: pytest.MonkeyPatch) -> None:
    def none() -> Path:
        asked.append(1)
        raise NotDelegated("not here")

    asked: list[int] = []
    monkeypatch.setattr(delegation, "find", none)
    one = Delegation()
    assert one.open() is None
    assert one.open() is None
    assert (one.why_not, len(asked)) == ("not here", 1)


def test_groups_that_were_promised_are_there_or_nothing_is(monkeypatch: pytest.MonkeyPatch) -> None:
    def none() -> Path:
        raise NotDelegated("not here any more")

    one = Delegation()
    one.promise()
    monkeypatch.setattr(delegation, "find", none)
    with pytest.raises(NotDelegated, match="any more"):
        one.open()


# --- real groups, where this machine lets us make some, with or without controllers


@pytest.fixture
def real() -> Iterator[Path]:
    """A new group in the real tree, for this test to take apart."""
    try:
        mountinfo, membership = (Path(f"/proc/self/{name}").read_text() for name in ("mountinfo", "cgroup"))
        base = delegation.locate(mountinfo, membership).group / f"syft-test-{uuid.uuid4().hex}"
        base.mkdir()
    except (NotDelegated, OSError) as error:
        pytest.skip(f"no control group can be made here: {error}")
    if not (base / "cgroup.kill").exists():
        base.rmdir()
        pytest.skip("this kernel cannot end a control group at once")
    yield base
    cgroups._remove_for_good(base)
    assert not base.exists()


def sleeper_in(group: Path) -> subprocess.Popen[bytes]:
    """A process in a group, with a child that has left its session."""
    script = f"echo 0 > {group}/cgroup.procs && {{ setsid sleep 600 & echo in; wait; }}"
    process = subprocess.Popen(["sh", "-c", script], stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"in\n"
    return process


def pids_in(group: Path) -> list[str]:
    return (group / "cgroup.procs").read_text().split()


def test_all_that_is_in_a_group_ends_with_it(real: Path) -> None:
    (real / "run" / "below").mkdir(parents=True)
    with sleeper_in(real / "run") as one, sleeper_in(real / "run" / "below") as other:
        assert len(pids_in(real / "run")) >= 2
        cgroups._remove_for_good(real / "run")
        assert one.wait() == other.wait() == -signal.SIGKILL
    assert not (real / "run").exists()
    cgroups._remove_for_good(real / "run")  # gone already


def test_what_a_killed_server_left_is_removed_and_what_a_living_one_has_is_not(real: Path) -> None:
    left, living, other = (real / name for name in (f"{cgroups.RUNS}1", f"{cgroups.RUNS}2", "somebody-elses"))
    for path in (left, living, other):
        (path / "run").mkdir(parents=True)
    lock = cgroups._lock(living)
    with sleeper_in(left / "run") as run:
        cgroups._remove_leftovers(real)
        assert run.wait() == -signal.SIGKILL
    assert (left.exists(), living.exists(), other.exists()) == (False, True, True)
    os.close(lock)
    cgroups._remove_leftovers(real)
    assert (living.exists(), other.exists()) == (False, True)


def test_a_process_goes_in_by_the_door_whoever_it_is(real: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can become somebody else")
    group = Group.__new__(Group)  # without limits, for which there may be no controllers
    group._path = real
    door = group.open_door()
    become = (
        f"import os; os.setresuid(1000, 1000, 1000); os.write({door}, b'0'); print('in', flush=True); input()"
    )
    with subprocess.Popen(
        ["python3", "-I", "-S", "-c", become], pass_fds=(door,), stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        os.close(door)
        assert process.stdout is not None
        assert process.stdout.readline() == b"in\n"
        assert pids_in(real) == [str(process.pid)]
        process.kill()
    assert group.remove()


def test_without_controllers_nothing_is_made(real: Path) -> None:
    if set(delegation.NEEDED) <= set((real / "cgroup.controllers").read_text().split()):
        pytest.skip("this machine has the controllers")
    with pytest.raises(NotDelegated, match="cannot be divided"):
        Groups(real)
    assert [path for path in real.iterdir() if path.is_dir()] == []
