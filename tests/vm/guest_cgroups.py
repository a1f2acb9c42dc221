"""What control groups promise, in a machine that has them: each act outside, where it works, and inside.

Not collected with the other tests: `test_cgroups.py` runs this as root of a virtual machine, in which nobody
else manages the tree of control groups.
"""

from __future__ import annotations

import contextlib
import io
import itertools
import json
import os
import signal
import stat
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from syft.model.limits import MIB
from syft.sandbox import canary, cgroups, delegation
from syft.sandbox.cgroups import KERNEL_BYTES, Delegation, Group, Groups
from syft.sandbox.delegation import NotDelegated
from syft.sandbox.limits import Limits
from syft.sandbox.runner import EmbeddedRunner, Execution, Outcome, Status
from syft.wire import codec

if os.environ.get("IN_THE_VM") != "1":
    pytest.skip("this needs a machine of its own", allow_module_level=True)

ROOT = Path("/sys/fs/cgroup")
SMALL = Limits(memory_bytes=32 * MIB, scratch_bytes=MIB, threads=20, wall_s=150.0, cpu_s=120.0)
USER = 1000
# More than a small run may have with all that is added for the interpreter and the kernel.
BOMB_BYTES = 200 * MIB
OUT_OF_MEMORY = (Status.KILLED, "memory limit 32 MiB exceeded")

# Functions that return what they have managed to do. They are run as they stand, and as submitted code.
BOMBS = {
    "private memory": """
        def f(size):
            return len(bytearray(b"x") * size)
        """,
    "shared memory": """
        def f(size):
            import mmap
            held = mmap.mmap(-1, size)
            for at in range(0, size, 4096):
                held[at] = 1
            return size
        """,
    "memory of many processes": """
        def f(size):
            import os, time
            told, tell = os.pipe()
            for _ in range(20):
                if os.fork() == 0:
                    held = bytearray(b"x") * (size // 20)
                    os.write(tell, b"!")
                    time.sleep(600)
            return sum(len(os.read(told, 1)) for _ in range(20)) * (size // 20)
        """,
    "shared memory of many processes": """
        def f(size):
            import mmap, os, time
            told, tell = os.pipe()
            for _ in range(20):
                if os.fork() == 0:
                    held = mmap.mmap(-1, size // 20)
                    for at in range(0, size // 20, 4096):
                        held[at] = 1
                    os.write(tell, b"!")
                    time.sleep(600)
            return sum(len(os.read(told, 1)) for _ in range(20)) * (size // 20)
        """,
    "files in memory": """
        def f(size):
            import os
            held = []
            for number in range(size >> 20):
                name = f"/dev/shm/bomb-{os.getpid()}-{number}"
                held.append(os.open(name, os.O_CREAT | os.O_RDWR))
                os.unlink(name)
                os.write(held[-1], bytes(1 << 20))
            return size
        """,
}
# One process may have so much address space only: at this level these need no control group.
STOPPED_BY_ADDRESS_SPACE = ("private memory", "shared memory")
FORKS = """
    def f(most):
        import os, time
        for made in range(most):
            try:
                if os.fork() == 0:
                    time.sleep(600)
            except BlockingIOError:
                return made
        return most
    """
THREADS = """
    def f(most):
        import threading, time
        for made in range(most):
            try:
                threading.Thread(target=time.sleep, args=(600,), daemon=True).start()
            except RuntimeError:
                return made
        return most
    """


def say_where() -> str:
    """This process's group, as it sees it."""
    return Path("/proc/self/cgroup").read_text().strip()


# --- the groups themselves, around processes that nothing else limits


@pytest.fixture
def groups() -> Iterator[Groups]:
    made = Groups(delegation.find())
    yield made
    made.close()
    assert not made.path.exists()


def call(source: str, argument: int, group: Group | None = None) -> int | str:
    """Call `f` in a process that may do anything; what it returns, or how it ended."""
    with contextlib.ExitStack() as stack:
        lines = [textwrap.dedent(source), "import os"]
        doors: tuple[int, ...] = ()
        if group is not None:
            doors = (group.open_door(),)
            stack.callback(os.close, doors[0])
            lines.append(f"os.write({doors[0]}, b'0')")
        lines.append(f"print(f({argument}), flush=True)\nos._exit(0)")
        process = stack.enter_context(
            subprocess.Popen(
                [sys.executable, "-I", "-S", "-c", "\n".join(lines)],
                stdout=subprocess.PIPE,
                pass_fds=doors,
                start_new_session=True,
            )
        )
        status = process.wait()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        assert process.stdout is not None
        return int(process.stdout.readline()) if status == 0 else f"ended with {status}"


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_limit_on_memory_counts_memory_of_every_kind(groups: Groups, bomb: str) -> None:
    assert call(BOMBS[bomb], BOMB_BYTES) == BOMB_BYTES
    roomy = groups.make("roomy", Limits(memory_bytes=2 * BOMB_BYTES), 0)
    assert call(BOMBS[bomb], BOMB_BYTES, roomy) == BOMB_BYTES
    assert not roomy.ran_out_of_memory()
    tight = groups.make("tight", SMALL, 0)
    assert call(BOMBS[bomb], BOMB_BYTES, tight) == f"ended with {-signal.SIGKILL}"
    assert tight.ran_out_of_memory()


def test_a_group_is_not_to_blame_for_the_memory_that_others_have_taken(groups: Groups) -> None:
    group = groups.make("roomy", Limits(memory_bytes=2 * BOMB_BYTES), 0)
    (groups.path / "memory.max").write_text(str(64 * MIB))  # as if the machine had no more
    assert call(BOMBS["private memory"], BOMB_BYTES, group) == f"ended with {-signal.SIGKILL}"
    assert not group.ran_out_of_memory()


@pytest.mark.parametrize("bomb", [FORKS, THREADS], ids=["processes", "threads"])
def test_a_limit_on_threads_counts_processes_and_threads(groups: Groups, bomb: str) -> None:
    assert call(bomb, 60) == 60
    assert call(bomb, 60, groups.make("tight", SMALL, 0)) == SMALL.threads


def test_all_of_a_group_ends_at_once(groups: Groups) -> None:
    escape = """
        def f(most):
            import os, time
            for _ in range(most):
                if os.fork() == 0:
                    os.setsid()  # out of reach of a signal to the session
                    if os.fork() == 0:
                        time.sleep(600)
                    os._exit(0)
            while os.wait():
                most -= 1
                if not most:
                    return 1
        """
    group = groups.make("daemons", SMALL, 0)
    assert call(escape, 5, group) == 1
    pids = [int(pid) for pid in (groups.path / "daemons" / "cgroup.procs").read_text().split()]
    assert len(pids) == 5
    group.remove_for_good()
    assert not (groups.path / "daemons").exists()
    assert not any(Path(f"/proc/{pid}/stat").exists() and " Z " not in stat_of(pid) for pid in pids)


def stat_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return " Z "


def test_runs_give_way_to_the_server(groups: Groups) -> None:
    assert (groups.path / "cpu.weight").read_text() == f"{cgroups.CPU_WEIGHT}\n"


# --- which groups are ours


def test_nothing_is_taken_that_has_not_been_handed_over(manager: Path) -> None:
    def found() -> str:
        try:
            return f"found {delegation.find()}"
        except NotDelegated as error:
            return str(error)

    assert answer_in(manager, found) == f"the control group {manager} has not been delegated to the server"
    os.setxattr(manager, "trusted.delegate", b"1")
    assert answer_in(manager, found) == f"found {manager}"
    (manager / "above").mkdir()  # as with systemd's DelegateSubgroup=
    assert answer_in(manager / "above", found) == f"found {manager}"


def test_the_server_makes_way_only_if_it_is_alone(manager: Path) -> None:
    def divided() -> str:
        try:
            delegation.divide(manager)
        except NotDelegated as error:
            return str(error)
        return say_where()

    with subprocess.Popen(["sleep", "600"]) as other:
        (manager / "cgroup.procs").write_text(str(other.pid))
        assert answer_in(manager, divided).startswith(
            "other processes than the server are in its control group"
        )
        other.kill()
    assert answer_in(manager, divided) == f"0::/{manager.name}/{delegation.SERVER}"


def test_the_first_process_of_a_container_makes_way_with_its_server(manager: Path) -> None:
    script = textwrap.dedent(
        """
        import sys
        from pathlib import Path
        from syft.sandbox import delegation
        from syft.server.stopping import leave_first_place
        Path(sys.argv[1], "cgroup.procs").write_text("0")
        leave_first_place()
        delegation.divide(Path(sys.argv[1]))
        print([Path(f"/proc/{pid}/cgroup").read_text().strip() for pid in ("1", "self")])
        """
    )
    container = ["unshare", "--pid", "--fork", "--mount-proc", sys.executable, "-c", script, str(manager)]
    said = subprocess.run(container, capture_output=True, text=True, check=False)
    assert said.stdout == f"{[f'0::/{manager.name}/{delegation.SERVER}'] * 2}\n", said.stderr


@pytest.fixture
def manager() -> Iterator[Path]:
    """A group that somebody else has made for a service."""
    (ROOT / "cgroup.subtree_control").write_text("+memory +pids +cpu")
    path = ROOT / f"service-{uuid.uuid4().hex}"
    path.mkdir()
    yield path
    cgroups._remove_for_good(path)


def answer_in(group: Path, ask: Callable[[], str], user: int = 0) -> str:
    """What a function answers in a process of its own in a group."""
    told, tell = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            (group / "cgroup.procs").write_text("0")
            if user:
                os.setgroups([])
                os.setresgid(user, user, user)
                os.setresuid(user, user, user)
            os.write(tell, ask().encode())
        except BaseException as error:
            os.write(tell, f"{type(error).__name__}: {error}".encode())
        finally:
            os._exit(0)
    os.close(tell)
    with open(told, "rb") as answers:
        answer = answers.read().decode()
    os.waitpid(pid, 0)
    return answer


# --- what a server leaves that is killed


def test_what_a_killed_server_left_is_ended_and_removed_and_a_living_ones_is_not(groups: Groups) -> None:
    script = textwrap.dedent(
        """
        import subprocess, sys, time
        from syft.sandbox import delegation
        from syft.sandbox.cgroups import Groups
        from syft.sandbox.limits import Limits
        groups = Groups(delegation.find())
        door = groups.make("run", Limits(), 0).open_door()
        enter = f"import os, time; os.write({door}, b'0'); print('in', flush=True); time.sleep(600)"
        run = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", enter], pass_fds=(door,), stdout=subprocess.PIPE, start_new_session=True
        )
        run.stdout.readline()
        print(groups.path, run.pid, flush=True)
        time.sleep(600)
        """
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        path, pid = server.stdout.readline().split()
        living = Groups(delegation.find())
        assert Path(path).exists(), "a living server's groups were removed"
        living.close()
        server.kill()
    assert " Z " not in stat_of(int(pid)), "the run died with the server: nothing is tested"
    after = Groups(delegation.find())
    assert not Path(path).exists()
    assert " Z " in stat_of(int(pid))
    assert groups.path.exists(), "one of this process was removed"
    after.close()


# --- runs


def run(
    runner: EmbeddedRunner,
    source: str,
    limits: Limits = SMALL,
    result: io.BytesIO | None = None,
    **arguments: int,
) -> Outcome:
    calls = ", ".join(f"{name}={value}" for name, value in arguments.items())
    text = f"{textwrap.dedent(source)}\ndef main(): return f({calls})"
    work = Execution(uid=uuid.uuid4().hex, source=text, entry="main", limits=limits)
    return runner.run(work, result=result or io.BytesIO())


def value_of(runner: EmbeddedRunner, source: str, limits: Limits = SMALL, **arguments: int) -> int:
    result = io.BytesIO()
    outcome = run(runner, source, limits, result, **arguments)
    assert outcome.status is Status.FINISHED, outcome
    value = codec.decode(result.getvalue())
    assert isinstance(value, int)
    return value


@pytest.fixture(scope="module", autouse=True)
def no_canary() -> Iterator[None]:
    """The fence has tests of its own, which take long on a machine as slow as this one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(canary, "check", lambda *_: None)
        yield


@pytest.fixture(scope="module")
def ungrouped() -> Iterator[EmbeddedRunner]:
    """A runner that has found no control groups."""
    made = EmbeddedRunner(level="process", preload=[])
    made._delegation.give_up("a test wants none")
    yield made
    made.close()


@pytest.fixture(scope="module")
def grouped() -> Iterator[EmbeddedRunner]:
    made = EmbeddedRunner(level="process", preload=[])
    yield made
    made.close()


@pytest.fixture(scope="module", params=["namespaces", "landlock"])
def fenced(request: pytest.FixtureRequest) -> Iterator[EmbeddedRunner]:
    made = EmbeddedRunner(level=request.param, preload=[])
    made.wait()
    yield made
    made.close()


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_run_ends_with_the_memory_it_may_have(
    ungrouped: EmbeddedRunner, grouped: EmbeddedRunner, bomb: str
) -> None:
    without = run(ungrouped, BOMBS[bomb], size=BOMB_BYTES)
    if bomb in STOPPED_BY_ADDRESS_SPACE:
        assert (without.status, without.reason) == OUT_OF_MEMORY
    else:
        assert without.status is Status.FINISHED, without
    outcome = run(grouped, BOMBS[bomb], size=BOMB_BYTES)
    assert (outcome.status, outcome.reason) == OUT_OF_MEMORY


def test_a_run_has_the_threads_it_may_have(ungrouped: EmbeddedRunner, grouped: EmbeddedRunner) -> None:
    without = value_of(ungrouped, FORKS, most=60)
    # Users have their processes counted, but root does not: that counts where runs have users of their own.
    root = any("server's user" in one for one in ungrouped.weaknesses)
    assert without == 60 if root else without <= SMALL.threads
    assert value_of(grouped, FORKS, most=60) == SMALL.threads


def test_it_is_told_whether_runs_have_groups(ungrouped: EmbeddedRunner, grouped: EmbeddedRunner) -> None:
    ungrouped.wait()
    grouped.wait()
    assert ungrouped.control_groups == ""
    assert any("address space only" in one and "a test wants none" in one for one in ungrouped.weaknesses)
    assert grouped.control_groups == str(ROOT)
    assert not any("address space only" in one for one in grouped.weaknesses)


def test_a_fenced_run_is_in_its_group_from_the_start(fenced: EmbeddedRunner) -> None:
    work = Execution(
        uid=uuid.uuid4().hex,
        source="""
def f():
    import time
    with open("/proc/self/cgroup") as file:
        print(file.read(), flush=True)
    time.sleep(2)
    held = bytearray(b"x") * (100 << 20)
    time.sleep(600)
""",
        entry="f",
        limits=Limits(memory_bytes=512 * MIB, scratch_bytes=8 * MIB, threads=7, wall_s=120),
    )
    ended: list[Outcome] = []
    thread = threading.Thread(target=lambda: ended.append(fenced.run(work, result=io.BytesIO())))
    thread.start()
    (found,) = wait_for(lambda: list(ROOT.glob(f"{cgroups.RUNS}*/{work.uid}")))
    wait_for(lambda: (found / "cgroup.procs").read_text().split())
    most = int((found / "memory.max").read_text())
    assert 520 * MIB + KERNEL_BYTES < most < 520 * MIB + KERNEL_BYTES + 200 * MIB
    assert (found / "pids.max").read_text() == "8\n"
    assert (found / "memory.oom.group").read_text() == "1\n"
    # What the code itself could not exceed, its own address space being limited, somebody else lowers.
    (found / "memory.max").write_text(str(64 * MIB))
    thread.join()
    (outcome,) = ended
    assert (outcome.status, outcome.reason) == (Status.KILLED, "memory limit 512 MiB exceeded")
    if outcome.level == "namespaces":
        assert outcome.stdout.strip() == "0::/", "the run sees where it is in the server's tree"
    wait_for(lambda: not found.exists())


def wait_for(condition: Callable[[], object]) -> list[Path]:
    deadline = time.monotonic() + 60
    while not (answer := condition()):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return answer  # type: ignore[return-value]


def test_ordinary_work_is_done_in_a_group(fenced: EmbeddedRunner) -> None:
    source = """
        def f(size):
            import threading
            done = []
            threads = [threading.Thread(target=lambda: done.append(sum(bytearray(size)))) for _ in range(4)]
            for one in threads: one.start()
            for one in threads: one.join()
            with open("file", "wb") as file: file.write(bytes(size))
            return len(done)
        """
    outcome = run(fenced, source, Limits(scratch_bytes=8 * MIB, wall_s=120), size=1 << 20)
    assert outcome.status is Status.FINISHED, outcome


def test_a_run_whose_group_cannot_be_made_does_not_run(fenced: EmbeddedRunner) -> None:
    for path in ROOT.glob(f"{cgroups.RUNS}*"):
        (path / "cgroup.max.descendants").write_text("0")
    try:
        outcome = run(fenced, "def f(): return 1")
    finally:
        for path in ROOT.glob(f"{cgroups.RUNS}*"):
            (path / "cgroup.max.descendants").write_text("max")
    assert outcome.status is Status.LOST
    assert "its control group could not be made" in outcome.reason
    assert run(fenced, "def f(): return 1").status is Status.FINISHED


def test_a_run_that_cannot_go_into_its_group_does_not_run(
    fenced: EmbeddedRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Group, "open_door", lambda _: os.open("/dev/full", os.O_WRONLY | os.O_CLOEXEC))
    outcome = run(fenced, "def f(): return 1")
    assert (outcome.status, outcome.reason) == (Status.LOST, "the run could not be set up")


def test_where_runs_cannot_go_into_groups_there_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Group, "open_door", lambda _: os.open("/dev/full", os.O_WRONLY | os.O_CLOEXEC))
    runner = EmbeddedRunner(level="process", preload=[])
    try:
        runner.wait()
        assert runner.control_groups == ""
        assert any("a run cannot go into one: No space left" in one for one in runner.weaknesses)
        assert run(runner, "def f(): return 1").status is Status.FINISHED
    finally:
        runner.close()


def test_what_was_promised_holds_for_the_next_parent_of_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    runner = EmbeddedRunner(level="process", preload=[])
    try:
        runner.wait()
        assert runner.control_groups
        end_parent(runner)
        assert run(runner, "def f(): return 1").status is Status.FINISHED
        assert runner.control_groups
        monkeypatch.setattr(Group, "open_door", lambda _: os.open("/dev/full", os.O_WRONLY | os.O_CLOEXEC))
        end_parent(runner)
        outcome = run(runner, "def f(): return 1")
        assert outcome.status is Status.LOST
        assert "runs would have no control groups any more" in outcome.reason
    finally:
        runner.close()


def end_parent(runner: EmbeddedRunner) -> None:
    """Kill the parent of runs, and wait until the runner knows."""
    assert runner._keeper.base is not None
    launcher = runner._keeper.base.wait()[0]
    children = Path(f"/proc/self/task/{launcher._thread.native_id}/children").read_text().split()
    for pid in children:
        os.kill(int(pid), signal.SIGKILL)
    launcher._thread.join()


def test_an_ordinary_user_needs_no_more_than_a_group_of_their_own(manager: Path) -> None:
    hand_over(manager)
    open_to_everybody(Path(sys.base_prefix))

    def answers() -> str:
        runner = EmbeddedRunner(level="landlock", preload=[])
        without = EmbeddedRunner(level="landlock", preload=[])
        without._delegation.give_up("a test wants none")
        limits = Limits(memory_bytes=2048 * MIB, threads=SMALL.threads)  # room for stacks
        try:
            runner.wait()  # first, while nothing of ours is in its way
            # Without a group, room is left for all that the user might run beside.
            made = [value_of(one, THREADS, limits, most=60) for one in (without, runner)]
            return json.dumps([*made, runner.control_groups or runner.weaknesses, say_where()])
        finally:
            without.close()
            runner.close()

    without, within, where, now = json.loads(answer_in(manager, answers, USER))
    assert (without, within, where) == (60, SMALL.threads, str(manager))
    assert now == f"0::/{manager.name}/{delegation.SERVER}"


def open_to_everybody(path: Path) -> None:
    """Let others through to a directory that is inside of somebody's home; the machine is ours alone."""
    for above, below in itertools.pairwise([*reversed(path.parents), path]):
        if not above.stat().st_mode & stat.S_IXOTH:
            held = tempfile.mkdtemp(dir="/run")
            subprocess.run(["mount", "--bind", below, held], check=True)
            subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", above], check=True)
            below.mkdir()
            subprocess.run(["mount", "--move", held, below], check=True)


def hand_over(group: Path) -> None:
    """What systemd does for a service of another user."""
    for path in (
        group,
        *(group / name for name in ("cgroup.procs", "cgroup.threads", "cgroup.subtree_control")),
    ):
        os.chown(path, USER, USER)


def test_nothing_is_left() -> None:
    runner = EmbeddedRunner(level="process", preload=[])
    runner.wait()
    before = set(ROOT.glob(f"{cgroups.RUNS}*"))
    daemon = """
        def f():
            import os, time
            if os.fork() == 0:
                os.setsid()
                time.sleep(600)
        """
    assert run(runner, daemon).status is Status.FINISHED
    runner.close()
    assert len(before - set(ROOT.glob(f"{cgroups.RUNS}*"))) == 1


def test_a_delegation_is_decided_once() -> None:
    one = Delegation()
    groups = one.open()
    assert groups is not None
    groups.close()
    one.promise()
    with pytest.raises(NotDelegated, match="gone"):
        one.give_up("gone")
