"""A zygote for each profile: when it starts, what it shares with the first one, and when it ends."""

from __future__ import annotations

import io
import os
import signal
import textwrap
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import pytest

from syft.errors import InvalidState
from syft.sandbox import canary, keeper
from syft.sandbox.levels import PROCESS
from syft.sandbox.profiles import BASE, Profile
from syft.sandbox.runner import EmbeddedRunner, Execution, Outcome, Status
from syft.wire import codec

# Small modules that nothing else imports stand for libraries.
SMALL = Profile(("colorsys",), frozenset({"colorsys"}))
OTHER = Profile(("netrc",), frozenset())
NOT_THERE = Profile(("no_such_package_anywhere",), frozenset())
PROFILES = {"small": SMALL, "other": OTHER, "not there": NOT_THERE}
IMPORTED = """
    import os, sys
    def f():
        return [name for name in ("colorsys", "netrc") if name in sys.modules]
"""


@pytest.fixture
def make() -> Iterator[Callable[..., EmbeddedRunner]]:
    made: list[EmbeddedRunner] = []

    def one(**fields: Any) -> EmbeddedRunner:
        made.append(EmbeddedRunner(**{"preload": [], "profiles": PROFILES, "level": PROCESS, **fields}))
        return made[-1]

    yield one
    for runner in made:
        runner.close()


def told(caplog: pytest.LogCaptureFixture) -> str:
    """What was written down since it was last asked."""
    text = " ".join(str(vars(record).get("fields")) for record in caplog.records)
    caplog.clear()
    return text


def run(runner: EmbeddedRunner, profile: str, source: str = IMPORTED) -> tuple[Outcome, Any]:
    result = io.BytesIO()
    work = Execution(uid=uuid.uuid4().hex, source=textwrap.dedent(source), entry="f", profile=profile)
    outcome = runner.run(work, result=result)
    value = codec.decode(result.getvalue()) if outcome.status is Status.FINISHED else None
    return outcome, value


# Parents of runs, and their threads, that other tests in this process have left: nodes of 2021 end with it.
_EARLIER: set[int] = set()
_EARLIER_THREADS: set[threading.Thread] = set()


@pytest.fixture(autouse=True)
def count_from_here() -> None:
    _EARLIER.update(one.pid for one in psutil.Process().children())
    _EARLIER_THREADS.update(threading.enumerate())


def zygotes() -> list[psutil.Process]:
    new = [one for one in psutil.Process().children() if one.pid not in _EARLIER]
    return [one for one in new if "syft.sandbox.zygote" in command(one)]


def command(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except (psutil.ZombieProcess, psutil.NoSuchProcess):
        return []


def wait_until(condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 20
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def test_a_profile_starts_with_the_first_run_that_wants_it(make: Callable[..., EmbeddedRunner]) -> None:
    runner = make()
    runner.wait()
    assert runner.standing == (BASE,)
    assert run(runner, BASE)[1] == []
    assert run(runner, "small")[1] == ["colorsys"]
    both = zygotes()
    assert run(runner, "small")[1] == ["colorsys"]
    assert zygotes() == both
    assert runner.standing == (BASE, "small")
    assert run(runner, "other")[1] == ["netrc"]
    assert len(zygotes()) == 3


@pytest.mark.parametrize("profile", ["not there", "no such profile", ""])
def test_what_is_not_installed_or_not_known_runs_in_the_first(
    make: Callable[..., EmbeddedRunner], profile: str
) -> None:
    runner = make()
    outcome, value = run(runner, profile)
    assert (outcome.status, value, runner.standing) == (Status.FINISHED, [], (BASE,))


def test_many_at_once_start_one(make: Callable[..., EmbeddedRunner]) -> None:
    runner = make()
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: run(runner, "small")[1], range(16)))
    assert answers == [["colorsys"]] * 16
    assert len(zygotes()) == 2


def test_one_that_nobody_wants_ends_and_another_starts(make: Callable[..., EmbeddedRunner]) -> None:
    runner = make(idle_s=0.3)
    assert run(runner, "small")[1] == ["colorsys"]
    assert wait_until(lambda: len(zygotes()) == 1)
    assert runner.standing == (BASE,)
    assert run(runner, "small")[1] == ["colorsys"]
    # The first one stays, however long nobody wants it.
    time.sleep(1)
    assert BASE in runner.standing


def test_a_run_that_takes_longer_than_that_is_not_cut(make: Callable[..., EmbeddedRunner]) -> None:
    runner = make(idle_s=0.2)
    outcome, _ = run(runner, "small", "import time\ndef f(): time.sleep(1.5)")
    assert outcome.status is Status.FINISHED


def test_one_that_dies_loses_its_own_runs_only_and_is_started_again(
    make: Callable[..., EmbeddedRunner],
) -> None:
    runner = make()
    runner.wait()
    (base,) = zygotes()
    run(runner, "small")
    (small,) = [one for one in zygotes() if one != base]
    sleep = "import time\ndef f(): time.sleep(3); return 1"
    with ThreadPoolExecutor() as pool:
        lost = pool.submit(run, runner, "small", sleep)
        kept = pool.submit(run, runner, BASE, sleep)
        assert wait_until(lambda: len(small.children()) == 1 and len(base.children()) == 1)
        os.kill(small.pid, signal.SIGKILL)
        assert lost.result()[0].status is Status.LOST
        assert kept.result()[0].status is Status.FINISHED
    assert run(runner, "small")[1] == ["colorsys"]
    assert base in zygotes()
    assert len(zygotes()) == 2


def test_the_death_of_the_first_leaves_the_others(make: Callable[..., EmbeddedRunner]) -> None:
    runner = make()
    runner.wait()
    (base,) = zygotes()
    run(runner, "small")
    (small,) = [one for one in zygotes() if one != base]
    os.kill(base.pid, signal.SIGKILL)
    assert wait_until(lambda: base not in zygotes())
    assert run(runner, "small")[1] == ["colorsys"]
    assert run(runner, BASE)[1] == []
    assert small in zygotes()


@pytest.mark.parametrize("level", [PROCESS, "landlock"])
def test_the_first_stands_again_before_a_run_asks_for_it(
    make: Callable[..., EmbeddedRunner], level: str
) -> None:
    runner = make(level=level)
    runner.start()
    runner.wait()
    (first,) = zygotes()
    first.kill()
    assert wait_until(lambda: [one.pid for one in zygotes()] not in ([], [first.pid]))
    (second,) = zygotes()
    assert run(runner, BASE)[0].status is Status.FINISHED
    assert zygotes() == [second]
    runner.close()
    assert not zygotes()


def test_one_that_cannot_start_is_done_without_and_not_tried_each_time(
    make: Callable[..., EmbeddedRunner], caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("pyarrow")
    threads = Profile(("pyarrow",), frozenset())
    # Arrow's allocator then has a thread of its own, and the zygote may not fork.
    runner = make(
        profiles={"threads": threads}, environment={"JE_ARROW_MALLOC_CONF": "background_thread:true"}
    )
    assert run(runner, "threads")[0].status is Status.FINISHED
    assert "importing has started threads" in told(caplog)
    assert runner.standing == (BASE,)
    assert run(runner, "threads")[0].status is Status.FINISHED
    assert told(caplog) == ""
    # After its rest it is tried again.
    monkeypatch.setattr(keeper, "REST_S", 0.0)
    runner._keeper._resting.clear()
    assert run(runner, "threads")[0].status is Status.FINISHED
    assert "importing has started threads" in told(caplog)


def fenced(make: Callable[..., EmbeddedRunner], **fields: Any) -> EmbeddedRunner:
    runner = make(level="auto", **fields)
    try:
        runner.wait()
    except InvalidState as error:
        pytest.skip(str(error))
    return runner


def test_each_proves_itself_at_the_level_of_the_first(
    make: Callable[..., EmbeddedRunner], monkeypatch: pytest.MonkeyPatch
) -> None:
    proofs: list[str] = []
    check = canary.check

    def counting(runs: Any, stage: Any, level: str) -> None:
        check(runs, stage, level)
        proofs.append(level)

    monkeypatch.setattr(canary, "check", counting)
    runner = fenced(make)
    outcome, value = run(runner, "small")
    assert (outcome.level, value) == (runner.level, ["colorsys"])
    assert proofs == [runner.level] * 2


def test_one_that_does_not_prove_itself_is_not_used(
    make: Callable[..., EmbeddedRunner],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    runner = fenced(make)

    def breach(*_: object) -> None:
        raise canary.Breach("the fence let through: all")

    monkeypatch.setattr(canary, "check", breach)
    outcome, value = run(runner, "small")
    assert (outcome.status, value, runner.standing) == (Status.FINISHED, [], (BASE,))
    assert "the fence let through: all" in told(caplog)


def test_a_hole_in_one_ends_the_runs_of_all(
    make: Callable[..., EmbeddedRunner], monkeypatch: pytest.MonkeyPatch
) -> None:
    runner = fenced(make, canary_every_s=0.3)
    run(runner, "small")
    real = canary.check
    broken = threading.Event()

    def check(runs: Any, stage: Any, level: str) -> None:
        if "colorsys" in runs._launcher._preload and broken.is_set():
            raise canary.Breach("it let through: all")
        real(runs, stage, level)

    monkeypatch.setattr(canary, "check", check)
    with ThreadPoolExecutor() as pool:
        going_on = pool.submit(run, runner, BASE, "import time\ndef f(): time.sleep(60)")
        assert wait_until(lambda: len(zygotes()) == 2)
        broken.set()
        assert going_on.result(30)[0].status is Status.LOST
    for profile in (BASE, "small", "other"):
        with pytest.raises(InvalidState, match=r"does not run code any more.*it let through: all"):
            run(runner, profile)
    assert wait_until(lambda: not zygotes())


def test_closing_leaves_nothing_behind(
    make: Callable[..., EmbeddedRunner], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    runner = fenced(make)
    run(runner, "small")
    sleep = "import time\ndef f(): time.sleep(60)"
    with ThreadPoolExecutor() as pool:
        running = pool.submit(run, runner, "small", sleep)
        starting = pool.submit(run, runner, "other", sleep)
        assert wait_until(lambda: len(zygotes()) == 3)
        runner.close()
        for one in (running, starting):
            assert one.result()[0].status is Status.KILLED
    runner.close()
    assert zygotes() == []
    assert not list(tmp_path.iterdir())
    new = set(threading.enumerate()) - _EARLIER_THREADS
    assert not [one.name for one in new if one.name in ("syft-idle", "syft-isolation")]
    with pytest.raises(InvalidState, match="closed"):
        run(runner, "small")
    with pytest.raises(InvalidState, match="closed"):
        runner.start()
