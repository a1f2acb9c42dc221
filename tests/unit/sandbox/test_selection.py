"""The strongest level that proves itself is taken, the minimum is kept, and a hole that appears ends it all."""

from __future__ import annotations

import io
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from syft.errors import InvalidInput, InvalidState
from syft.sandbox import canary, selection
from syft.sandbox.launch import LevelError, ZygoteError
from syft.sandbox.levels import GVISOR, LANDLOCK, LEVELS, NAMESPACES, PROCESS, from_strongest
from syft.sandbox.runner import EmbeddedRunner, Execution, Outcome, Status


def run(runner: EmbeddedRunner) -> Outcome:
    work = Execution(uid=uuid.uuid4().hex, source="def f(): return 1", entry="f")
    return runner.run(work, result=io.BytesIO())


class Machine:
    """What this machine is said to allow, instead of what it does."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.fails: dict[str, Exception] = {}
        self.fails_once: dict[str, Exception] = {}
        self.asked: list[str] = []
        self._prove = selection._prove
        patch.setattr(selection, "_prove", self.prove)

    def prove(self, launcher: object, level: str) -> object:
        self.asked.append(level)
        if level in self.fails_once:
            raise self.fails_once.pop(level)
        if level in self.fails:
            raise self.fails[level]
        # Level `process` stands for all of them: it starts fastest.
        return self._prove(launcher, PROCESS)  # type: ignore[arg-type]


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(monkeypatch)


@pytest.fixture
def runners() -> Iterator[list[EmbeddedRunner]]:
    made: list[EmbeddedRunner] = []
    yield made
    for one in made:
        one.close()


def test_the_levels_are_ordered_from_the_strongest() -> None:
    assert LEVELS == (GVISOR, NAMESPACES, LANDLOCK, PROCESS)
    assert from_strongest(NAMESPACES) == (NAMESPACES,)


def test_the_slow_level_is_taken_only_if_nothing_less_will_do() -> None:
    assert from_strongest(PROCESS) == (NAMESPACES, LANDLOCK, PROCESS)
    assert from_strongest(GVISOR) == (GVISOR,)


@pytest.mark.parametrize("failure", [LevelError("not here"), canary.Breach("a hole"), ZygoteError("odd")])
def test_a_level_that_fails_is_passed_over_and_that_is_told(
    machine: Machine, runners: list[EmbeddedRunner], failure: Exception
) -> None:
    machine.fails[NAMESPACES] = failure
    runners.append(runner := EmbeddedRunner(preload=[]))
    assert runner.wait() == LANDLOCK == runner.level
    # Whether the machine allows it is no matter of chance; that a process has died may be.
    chance = isinstance(failure, ZygoteError) and not isinstance(failure, LevelError)
    assert machine.asked == [NAMESPACES] * (2 if chance else 1) + [LANDLOCK]
    assert runner.passed_over == (f"namespaces: {failure}",)
    assert run(runner).level == LANDLOCK


def test_a_test_that_breaks_off_is_made_once_more(
    machine: Machine, runners: list[EmbeddedRunner], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Load alone does not leave a server at a weaker level; what fails twice is passed over."""
    broken_off = iter([canary.CanaryFailed("too busy")])
    prove = machine.prove

    def sometimes(launcher: object, level: str) -> object:
        ready = prove(launcher, level)
        for error in broken_off:
            raise error
        return ready

    monkeypatch.setattr(selection, "_prove", sometimes)
    runners.append(runner := EmbeddedRunner(preload=[]))
    runner.wait()
    assert machine.asked == [NAMESPACES, NAMESPACES]
    assert runner.passed_over == ()

    monkeypatch.setattr(selection, "_prove", prove)
    machine.asked.clear()
    machine.fails[NAMESPACES] = canary.CanaryFailed("too busy")
    runners.append(other := EmbeddedRunner(preload=[]))
    assert other.wait() == LANDLOCK
    assert machine.asked == [NAMESPACES, NAMESPACES, LANDLOCK]


def test_a_zygote_that_dies_once_does_not_weaken_the_fence(
    machine: Machine, runners: list[EmbeddedRunner]
) -> None:
    machine.fails_once[NAMESPACES] = ZygoteError("it has died")
    runners.append(runner := EmbeddedRunner(preload=[]))
    assert runner.wait() == NAMESPACES
    assert machine.asked == [NAMESPACES, NAMESPACES]
    assert runner.passed_over == ()


def test_a_zygote_that_dies_while_it_proves_itself_is_replaced(
    runners: list[EmbeddedRunner], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Servers of other tests in this process have zygotes, too. Were one of those killed, its successor would look for
    # its level while a later test of these says that this machine allows none.
    others = set(psutil.Process().children())
    died: list[int] = []
    check = canary.check

    def kill_first(on: selection._On, *rest: object) -> None:
        if not died:
            died.append(1)
            for child in set(psutil.Process().children()) - others:
                if "syft.sandbox.zygote" in child.cmdline():
                    child.kill()
        check(on, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(canary, "check", kill_first)
    runners.append(runner := EmbeddedRunner(preload=[], level=LANDLOCK))
    try:
        assert runner.wait() == LANDLOCK
    except InvalidState as error:
        pytest.skip(str(error))
    assert died
    assert run(runner).status is Status.FINISHED


def test_below_the_minimum_nothing_runs_and_the_text_says_what_to_do(
    machine: Machine, runners: list[EmbeddedRunner]
) -> None:
    machine.fails = {NAMESPACES: LevelError("no user namespaces"), LANDLOCK: LevelError("no Landlock")}
    runners.append(runner := EmbeddedRunner(preload=[]))
    for _ in range(2):
        with pytest.raises(
            InvalidState, match=r"no user namespaces.*no Landlock.*syft doctor.*SYFT_ISOLATION"
        ) as e:
            run(runner)
    assert "'landlock' is required" in e.value.public_message
    with pytest.raises(InvalidState, match="no Landlock"):
        runner.wait()
    assert runner.level == ""
    assert machine.asked == [NAMESPACES, LANDLOCK]


def test_the_minimum_can_be_set(machine: Machine, runners: list[EmbeddedRunner]) -> None:
    machine.fails = {NAMESPACES: LevelError("no"), LANDLOCK: LevelError("no")}
    runners.append(strict := EmbeddedRunner(preload=[], minimum=NAMESPACES))
    with pytest.raises(InvalidState, match="'namespaces' is required"):
        run(strict)
    runners.append(lax := EmbeddedRunner(preload=[], minimum=PROCESS))
    assert run(lax).level == PROCESS


def test_a_level_by_name_is_taken_or_nothing(machine: Machine, runners: list[EmbeddedRunner]) -> None:
    machine.fails[LANDLOCK] = LevelError("no")
    runners.append(named := EmbeddedRunner(preload=[], level=LANDLOCK))
    with pytest.raises(InvalidState, match="'landlock' is required"):
        named.wait()
    runners.append(weak := EmbeddedRunner(preload=[], level=PROCESS))
    assert run(weak).level == PROCESS


def test_a_sandbox_that_is_broken_at_every_level_is_not_a_matter_of_levels(
    machine: Machine, runners: list[EmbeddedRunner]
) -> None:
    machine.fails = {NAMESPACES: ZygoteError("torn"), LANDLOCK: ZygoteError("worn")}
    runners.append(runner := EmbeddedRunner(preload=[]))
    outcome = run(runner)
    assert (outcome.status, outcome.reason) == (Status.LOST, "the sandbox could not be started: worn")
    with pytest.raises(InvalidState, match="worn"):
        runner.wait()
    machine.fails.clear()
    assert run(runner).level == NAMESPACES


def test_an_error_of_ours_is_not_waited_for_for_ever(machine: Machine, runners: list[EmbeddedRunner]) -> None:
    machine.fails[NAMESPACES] = KeyError("ours")
    runners.append(runner := EmbeddedRunner(preload=[]))
    assert "KeyError: 'ours'" in run(runner).reason


@pytest.mark.parametrize("fields", [{"level": "perfect"}, {"minimum": "auto"}, {"minimum": ""}])
def test_a_level_that_does_not_exist_is_refused(fields: dict[str, str]) -> None:
    with pytest.raises(InvalidInput, match="namespaces, landlock, process"):
        EmbeddedRunner(**fields)  # type: ignore[arg-type]


def test_data_among_the_libraries_make_a_level_unavailable(
    runners: list[EmbeddedRunner], tmp_path: Path
) -> None:
    libraries = Path(pytest.__file__).parent
    runners.append(runner := EmbeddedRunner(preload=[], protected=[libraries / "data"]))
    with pytest.raises(InvalidState, match=r"would be able to read .*data, because Python imports from"):
        run(runner)


def _fenced(canary_every_s: float) -> EmbeddedRunner:
    runner = EmbeddedRunner(preload=[], canary_every_s=canary_every_s)
    try:
        runner.wait()
    except InvalidState as error:
        runner.close()
        pytest.skip(str(error))
    return runner


def test_a_hole_that_appears_later_ends_all_runs(
    runners: list[EmbeddedRunner], monkeypatch: pytest.MonkeyPatch
) -> None:
    holes: list[Exception] = [canary.CanaryFailed("too busy"), canary.Breach("it let through: all")]
    tested = threading.Event()

    def check(*_: object) -> None:
        if len(holes) == 1:
            tested.set()
        raise holes.pop(0)

    runners.append(runner := _fenced(0.3))
    monkeypatch.setattr(canary, "check", check)
    assert run(runner).status is Status.FINISHED
    assert tested.wait(20)
    deadline = time.monotonic() + 10
    while runner._keeper._refused is None:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    with pytest.raises(InvalidState, match=r"does not run code any more.*it let through: all"):
        run(runner)


def test_a_fence_that_holds_goes_on(runners: list[EmbeddedRunner]) -> None:
    runners.append(runner := _fenced(0.05))
    time.sleep(1)
    assert run(runner).status is Status.FINISHED


def test_where_an_act_fails_outside_the_self_test_cannot_tell() -> None:
    class Poor:
        def outside_quick(self) -> dict[str, str]:
            return {"fork": "not here"}

    with pytest.raises(canary.CanaryFailed, match="outside, 'read a file of the server's' fails, too"):
        canary.check(None, Poor(), NAMESPACES)  # type: ignore[arg-type]


def test_a_self_test_that_cannot_be_set_up_is_not_the_levels_fault(
    machine: Machine, runners: list[EmbeddedRunner], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError("no room for the stage")

    monkeypatch.setattr(selection, "_prove", machine._prove)
    monkeypatch.setattr(selection, "Stage", full)
    runners.append(runner := EmbeddedRunner(preload=[]))
    assert "no room for the stage" in run(runner).reason
