"""The level `gvisor`, as much of it as fits into every test run; all of it is `make test-gvisor`.

That the fixture's runner gets ready is a test, too: a run has tried every quick act of the table by then, and
none of them worked.
"""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import pytest

from support.nested import Nested, close_all
from syft.errors import InvalidState
from syft.sandbox import bundle, canary, container, warden
from syft.sandbox.acts.every import ACTS
from syft.sandbox.acts.stage import Stage
from syft.sandbox.levels import GVISOR, NOT_PROMISED
from syft.sandbox.runner import EmbeddedRunner, Execution, FileInput, Host, Limits, Outcome, Status
from syft.wire import codec

MIB = 1 << 20

pytestmark = pytest.mark.timeout(400)


@pytest.fixture(autouse=True)
def closed_hosts() -> Iterator[None]:
    """What launched runs have left is forgotten."""
    yield
    close_all()


def made(**options: Any) -> EmbeddedRunner:
    runner = EmbeddedRunner(level=GVISOR, **options)
    try:
        runner.wait()
    except InvalidState as error:
        runner.close()
        if "let through" in str(error):
            raise
        pytest.skip(str(error))
    return runner


@pytest.fixture(scope="module")
def runner() -> Iterator[EmbeddedRunner]:
    runner = made()
    yield runner
    runner.close()


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    with (
        tempfile.TemporaryDirectory(prefix="syft-test-") as folder,
        Stage(Path(folder, "stage"), canary.LIMITS) as stage,
    ):
        yield stage


def run(
    runner: EmbeddedRunner, source: str, host: Host | None = None, **fields: Any
) -> tuple[Outcome, object]:
    result = io.BytesIO()
    work = Execution(uid=uuid.uuid4().hex, source=textwrap.dedent(source), entry="f", **fields)
    outcome = runner.run(work, result=result, host=host)
    return outcome, codec.decode(result.getvalue()) if outcome.status is Status.FINISHED else None


def wait_until(condition: Callable[[], bool], timeout_s: float = 30.0) -> bool:
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def runtimes(below: psutil.Process) -> list[psutil.Process]:
    """Everything that belongs to containers."""
    found = []
    for process in below.children(recursive=True):
        try:
            if process.name() in ("runsc", "exe") or "runsc" in process.name():
                found.append(process)
        except psutil.NoSuchProcess:
            continue
    return found


def alive(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


# What the machine's kernel prevents at other levels, and here a kernel that is not Linux, or we.
BY_OTHER_MEANS = (
    "make very many files",
    "fill the disk",
    "start very many threads",
    "end the server",
    "become a program",
    "make a call of another architecture's: x32",
    "make a call of another architecture's: int 0x80",
    "make a user namespace",
    "mount a file system",
    "send from one end of a pair",
)


@pytest.mark.parametrize("name", BY_OTHER_MEANS)
def test_what_is_prevented_by_other_means_is_prevented(
    runner: EmbeddedRunner, stage: Stage, name: str
) -> None:
    stage.restore()
    outside = stage.outside(name)
    if ACTS[name].proven_outside:
        outside = "" if stage.harm() else "it had no effect"
    if outside:
        pytest.skip(f"it fails outside, too: {outside}")
    stage.restore()
    inside = canary.attempt_inside(runner, stage, name)
    assert stage.harm() == ""
    assert inside or ACTS[name].proven_outside


def test_nothing_is_left_out_of_what_is_promised() -> None:
    assert NOT_PROMISED[GVISOR] == {}


def test_a_run_sees_another_kernel_and_itself(runner: EmbeddedRunner) -> None:
    source = """
        import os
        def f():
            return os.uname().release, os.getuid(), os.uname().nodename, os.getcwd(), sorted(os.listdir("/"))
    """
    _, value = run(runner, source)
    assert isinstance(value, tuple)
    release, *rest, top = value
    assert release != os.uname().release
    assert rest == [1000, "sandbox", "/scratch"]
    # Only directories on the way to libraries, and those of the run.
    firsts = {Path(path).parts[1] for path in bundle.visible_paths(())}
    own = {"dev", "etc", "groups", "job", "proc", "scratch", "sys", "tmp"}
    assert set(top) <= firsts | own


def test_the_run_cannot_touch_the_process_that_watches_it(runner: EmbeddedRunner) -> None:
    source = """
        import os
        def f():
            tried = []
            for path in ("/groups/run/pids.max", "/groups/run/cgroup.procs", "/groups/cgroup.procs"):
                try:
                    open(path, "w").write("9999"); tried.append(path)
                except OSError: pass
            for path in ("/proc/1/mem", "/proc/1/environ"):
                try:
                    open(path, "r+b"); tried.append(path)
                except OSError: pass
            try:
                os.kill(1, 9); tried.append("kill")
            except OSError: pass
            return tried
    """
    _, value = run(runner, source)
    assert value == []


def test_too_many_files_end_the_run_with_the_reason(runner: EmbeddedRunner) -> None:
    source = """
        import os, time
        def f():
            for number in range(30_000): os.close(os.open(str(number), os.O_CREAT))
            time.sleep(60)
    """
    outcome, _ = run(runner, source, limits=Limits(scratch_bytes=16 * MIB))
    assert (outcome.status, outcome.reason) == (Status.KILLED, "scratch space limit 16 MiB exceeded")


def test_starting_a_container_is_not_on_the_runs_time(runner: EmbeddedRunner) -> None:
    """Two at once: one of them waits for a container to be made, which takes longer than it has."""
    limits = Limits(wall_s=0.5, cpu_s=0.5)
    with ThreadPoolExecutor(2) as pool:
        outcomes = list(pool.map(lambda _: run(runner, "def f(): return 1", limits=limits)[0], range(2)))
    assert [one.status for one in outcomes] == [Status.FINISHED] * 2


def test_a_frame_from_a_file_is_read_and_stays_as_it_is(runner: EmbeddedRunner, tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    path = tmp_path / "frame"
    path.write_bytes(codec.encode(pandas.DataFrame({"n": range(10_000)})).to_bytes())
    before, mode = path.read_bytes(), path.stat().st_mode
    source = """
        import os
        def f(data):
            for number in range(3, 30):
                for change in (
                    lambda: os.write(number, b"changed"),
                    lambda: os.ftruncate(number, 0),
                    lambda: os.fchmod(number, 0o777),
                    lambda: os.write(os.open(f"/proc/self/fd/{number}", os.O_RDWR), b"changed"),
                ):
                    try:
                        # The channel is not to be disturbed: only files.
                        os.lseek(number, 0, 0); change()
                    except OSError: pass
            return int(data.n.sum())
    """
    _, value = run(runner, source, inputs={"data": FileInput(path)})
    assert value == sum(range(10_000))
    assert (path.read_bytes(), path.stat().st_mode) == (before, mode)


def test_functions_launch_others_and_tell_of_progress(runner: EmbeddedRunner) -> None:
    source = """
        def f(datasite):
            datasite.init_progress(1)
            datasite.increment_progress()
            return datasite.launch_job(part, x=41).result
    """
    node = Nested(runner, {"part": "def part(x): return x + 1"})
    _, value = run(runner, source, host=node, links=frozenset({"part"}), datasite_parameter="datasite")
    assert value == 42
    assert node.told[-1] == (1, 1)


SERVER = """
import io, sys, uuid
from syft.sandbox.runner import *
runner = EmbeddedRunner(level="gvisor")
runner.wait()
print("ready", flush=True)
source = "def f():\\n    print('begun')\\n    while True: pass"
runner.run(Execution(uid=uuid.uuid4().hex, source=source, entry="f"), result=io.BytesIO())
"""


@pytest.mark.parametrize("victim", ["server", "warden", "both"])
def test_the_death_of_server_or_warden_ends_every_container(
    runner: EmbeddedRunner, tmp_path: Path, victim: str
) -> None:
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    with subprocess.Popen(
        [sys.executable, "-c", SERVER], stdout=subprocess.PIPE, env=environment, text=True
    ) as server:
        assert server.stdout is not None
        assert server.stdout.readline() == "ready\n"
        me = psutil.Process(server.pid)
        (parent,) = (one for one in me.children() if "syft.sandbox.zygote" in one.cmdline())
        assert wait_until(lambda: len(runtimes(me)) > 5)
        everything = runtimes(me)
        if victim != "server":
            parent.send_signal(signal.SIGKILL)
            assert wait_until(lambda: not any(map(alive, everything)))
        if victim != "warden":
            server.kill()
            server.wait()
        else:
            server.terminate()
    assert wait_until(lambda: not any(map(alive, everything)))
    if victim == "server":
        assert wait_until(lambda: not list(tmp_path.iterdir()))


def test_nothing_is_left_when_it_is_closed(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path_factory.mktemp("place")
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    me = psutil.Process()
    before = {one.pid for one in me.children(recursive=True)}
    runner = made()
    run(runner, "import os\ndef f(): os._exit(1)")
    runner.close()
    assert {one.pid for one in me.children(recursive=True)} <= before
    assert not list(place.iterdir())


# --- what does not need the program -----------------------------------------------------------------------


def test_without_runsc_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    ours = warden.Configure(GVISOR, [], str(tmp_path), [], {})
    monkeypatch.setattr(warden, "PLACES", str(tmp_path))
    with pytest.raises(FileNotFoundError, match="apt install runsc"):
        warden.Warden(None, 0, ours)  # type: ignore[arg-type]


def test_an_interpreter_where_runs_have_their_own_files_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path, tempfile.mkdtemp(dir="/tmp")])
    with pytest.raises(bundle.Unsuitable, match="install it elsewhere"):
        bundle.visible_paths(())
    os.rmdir(sys.path[-1])


def test_files_are_counted_however_they_are_nested(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "link").symlink_to(tmp_path)
    for number in range(10):
        (tmp_path / "a" / "b" / str(number)).touch()
    assert container.files_in(str(tmp_path), 100) == 13
    assert container.files_in(str(tmp_path), 5) > 5
    assert container.files_in(str(tmp_path / "gone"), 5) == 0
