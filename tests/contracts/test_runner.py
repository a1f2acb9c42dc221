"""What every `Runner` must do, in the order of the contract's docstring and of what people meet first."""

from __future__ import annotations

import contextlib
import io
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, BinaryIO

import psutil
import pytest

from support.grid import DaskKind
from support.nested import Nested, close_all
from support.remote import RemoteKind
from syft.errors import InvalidInput, InvalidState
from syft.sandbox.contract import OfInput, Reference, Stream
from syft.sandbox.levels import GVISOR, LEVELS
from syft.sandbox.runner import (
    EmbeddedRunner,
    Execution,
    FileInput,
    Host,
    InlineInput,
    Limits,
    Outcome,
    Runner,
    Status,
)
from syft.wire import codec
from syft.wire.types_partitioned import Partitioned

MIB = 1 << 20


@pytest.fixture(autouse=True)
def closed_hosts() -> Iterator[None]:
    """What launched runs have left is forgotten."""
    yield
    close_all()


def embedded(level: str) -> Callable[[], Runner]:
    return lambda: EmbeddedRunner(level=level, environment={"OF_THE_SANDBOX": "1"})


MAKERS: dict[str, Callable[[], Runner]] = {level: embedded(level) for level in LEVELS}
# On a worker process, which asks for work over HTTP; its own fence is the strongest that this machine allows.
MAKERS["remote"] = RemoteKind
# Sent for by Dask, on an agent in a process of Dask's.
MAKERS["dask"] = DaskKind
# A run takes seconds at `gvisor`: `make test-gvisor` has it.
ALL = [pytest.param(level, marks=[pytest.mark.gvisor] if level == GVISOR else []) for level in MAKERS]
# Processes that stand while no run goes on. At `gvisor`: the warden, and the container that waits for a run, which
# is of the runtime, its server of files, its kernel, and two of the latter's that play the machine.
STANDING = {"gvisor": 6, "namespaces": 2, "landlock": 1, "process": 1}


def standing_of(runner: Runner) -> int:
    """How many processes stand while nothing runs."""
    return STANDING[runner.level] + (runner.beside if isinstance(runner, RemoteKind) else 0)


@pytest.fixture(scope="module", params=ALL)
def runner(request: pytest.FixtureRequest) -> Iterator[Runner]:
    made = MAKERS[request.param]()
    skip_unless_available(made)
    yield made
    made.close()


@pytest.fixture(params=ALL)
def own_runner(request: pytest.FixtureRequest) -> Iterator[Runner]:
    """A runner that the test may break."""
    if request.param not in ("remote", "dask"):  # whose own fence is the strongest that there is
        probe = MAKERS[request.param]()
        skip_unless_available(probe)
        probe.close()
    made = MAKERS[request.param]()
    yield made
    made.close()


def skip_unless_available(runner: Runner) -> None:
    try:
        runner.wait()
    except InvalidState as error:
        runner.close()
        pytest.skip(str(error))


def execution(source: str, entry: str = "f", /, *, uid: str | None = None, **fields: Any) -> Execution:
    inputs = {
        name: value if isinstance(value, FileInput) else InlineInput(codec.encode(value).to_bytes())
        for name, value in fields.pop("inputs", {}).items()
    }
    return Execution(
        uid=uid or uuid.uuid4().hex, source=textwrap.dedent(source), entry=entry, inputs=inputs, **fields
    )


def run(runner: Runner, source: str, entry: str = "f", /, host: Host | None = None, **fields: Any) -> Outcome:
    return runner.run(execution(source, entry, **fields), result=io.BytesIO(), host=host)


def value_of(
    runner: Runner, source: str, entry: str = "f", /, host: Host | None = None, **fields: Any
) -> Any:
    result = io.BytesIO()
    outcome = runner.run(execution(source, entry, **fields), result=result, host=host)
    assert outcome.status is Status.FINISHED, outcome
    assert outcome.result_size == len(result.getvalue())
    return codec.decode(result.getvalue())


def wait_until(condition: Callable[[], bool], timeout_s: float = 10.0) -> bool:
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def descendants() -> set[int]:
    """Processes below this one that are not about to be collected."""
    return {one.pid for one in psutil.Process().children(recursive=True)}


def open_descriptors() -> int:
    """How many this process has, but for connections over the network and to a node's database: those stay open."""
    kept = len(psutil.Process().net_connections("tcp"))
    for name in os.listdir("/proc/self/fd"):
        with contextlib.suppress(FileNotFoundError):
            kept += "/node.db" in os.readlink(f"/proc/self/fd/{name}")
    return len(os.listdir("/proc/self/fd")) - kept


def alive(process: psutil.Process) -> bool:
    """Whether it runs; a zombie only waits to be collected by whoever inherited it."""
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


# --- values -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [None, 41, "text", 1.5, [1, "a", None], {"a": (1, 2)}, b"bytes"], ids=repr)
def test_a_value_goes_in_and_comes_out(runner: Runner, value: object) -> None:
    assert value_of(runner, "def f(x): return x", inputs={"x": value}) == value


def test_a_frame_goes_in_and_comes_out(runner: Runner) -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"n": [1, 2, 3], "t": ["a", "b", "c"]})
    source = "def f(frame: pd.DataFrame):\n    return frame[frame.n > 1]"
    answer = value_of(runner, source, inputs={"frame": frame})
    assert list(answer.n) == [2, 3]


def test_what_the_result_is_said_to_be_is_told(runner: Runner) -> None:
    pandas = pytest.importorskip("pandas")
    outcome = run(runner, "def f(frame): return frame", inputs={"frame": pandas.DataFrame({"n": [1, 2, 3]})})
    assert outcome.result_type is not None
    assert outcome.result_type.endswith("DataFrame")
    assert outcome.result_shape == (3, 1)
    assert outcome.level == runner.level != ""


def test_usage_is_counted(runner: Runner) -> None:
    source = """
        def f():
            import time
            until = time.process_time() + 0.2
            while time.process_time() < until:
                pass
            held = bytearray(100 << 20)
            return len(held)
    """
    usage = run(runner, source).usage
    assert 0.2 <= usage.cpu_s < 2
    assert usage.wall_s >= 0.2
    assert usage.max_rss_bytes >= 100 * MIB


def test_an_input_from_a_file_is_mapped_and_not_counted_as_memory(runner: Runner, tmp_path: Path) -> None:
    numpy = pytest.importorskip("numpy")
    path = tmp_path / "big"
    with path.open("wb") as file:
        codec.encode(numpy.arange(20 * MIB, dtype=numpy.float64)).write_to(file)
    source = "def f(big, n): return float(big[-1]) + n"
    limits = Limits(memory_bytes=64 * MIB)
    inputs = {"big": FileInput(path), "n": 1}
    assert value_of(runner, source, inputs=inputs, limits=limits) == float(20 * MIB)


@pytest.mark.parametrize(
    "source",
    ["def f(data):\n    data.loc[0, 'n'] = 5", "def f(data):\n    data['n'].to_numpy()[0] = 5"],
)
def test_writing_into_an_input_fails_and_tells_of_a_copy(runner: Runner, tmp_path: Path, source: str) -> None:
    pandas = pytest.importorskip("pandas")
    path = tmp_path / "frame"
    path.write_bytes(codec.encode(pandas.DataFrame({"n": range(10_000)})).to_bytes())
    before = path.read_bytes()
    outcome = run(runner, source, inputs={"data": FileInput(path)})
    assert outcome.status is Status.FAILED
    assert ".copy()" in outcome.reason
    assert ".copy()" in outcome.error_text
    assert path.read_bytes() == before


def test_a_copy_of_an_input_can_be_written_to(runner: Runner, tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    path = tmp_path / "frame"
    path.write_bytes(codec.encode(pandas.DataFrame({"n": range(10_000)})).to_bytes())
    source = "def f(data):\n    data = data.copy()\n    data.loc[0, 'n'] = 5\n    return int(data.n[0])"
    assert value_of(runner, source, inputs={"data": FileInput(path)}) == 5


def test_an_input_that_is_not_there_is_the_callers_mistake(runner: Runner, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="cannot be opened"):
        run(runner, "def f(x): return x", inputs={"x": FileInput(tmp_path / "missing")})


@pytest.mark.parametrize("content", [b"", b"not a value"])
def test_an_input_that_is_no_value_is_not_the_codes_fault(
    runner: Runner, tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "bad"
    path.write_bytes(content)
    outcome = run(runner, "def f(x): return x", inputs={"x": FileInput(path)})
    assert outcome.status is Status.LOST
    assert "set up" in outcome.reason


def test_a_large_result_is_passed_on_in_pieces(runner: Runner) -> None:
    pytest.importorskip("numpy")

    class Recorder(io.RawIOBase):
        total = 0
        largest = 0

        def write(self, data: Any, /) -> int:
            self.total += min(len(data), 50_000)
            self.largest = max(self.largest, len(data))
            return min(len(data), 50_000)

    recorder = Recorder()
    source = "def f():\n    import numpy\n    return numpy.zeros(200 << 20, dtype='u1')"
    outcome = runner.run(execution(source), result=recorder)  # type: ignore[arg-type]
    assert outcome.status is Status.FINISHED
    assert outcome.result_size == recorder.total > 200 * MIB
    assert recorder.largest <= MIB


def test_what_writing_the_result_raises_comes_through_and_the_run_is_over(runner: Runner) -> None:
    class Full(io.BytesIO):
        def write(self, data: Any, /) -> int:
            raise OSError(28, "No space left on device")

    work = execution("def f(): return 1")
    with pytest.raises(OSError, match="No space left"):
        runner.run(work, result=Full())
    assert not runner.kill(work.uid, "too late")


# --- failures ---------------------------------------------------------------------------------------------


def test_a_failure_names_its_type_and_line_and_keeps_its_text_for_the_owner(runner: Runner) -> None:
    source = "def f(x):\n    y = x\n    raise ValueError(f'secret {y}')\n"
    outcome = run(runner, source, inputs={"x": 41})
    assert outcome.status is Status.FAILED
    assert (outcome.error_type, outcome.error_line) == ("ValueError", 3)
    assert outcome.reason == "ValueError on line 3"
    assert outcome.error_text == "ValueError: secret 41"
    assert "raise ValueError(f'secret {y}')" in outcome.traceback
    assert "child.py" not in outcome.traceback


def test_the_line_of_a_failure_inside_a_library_is_the_functions_own(runner: Runner) -> None:
    pytest.importorskip("pandas")
    source = "def f():\n    import pandas\n    return pandas.DataFrame({'a': [1]})['b']\n"
    outcome = run(runner, source)
    assert (outcome.error_type, outcome.error_line) == ("KeyError", 3)


@pytest.mark.parametrize(
    ("source", "error_type", "line"),
    [
        ("def f(:\n    pass", "SyntaxError", 1),
        ("x = 1\nraise OSError('at import')", "OSError", 2),
        ("def g(): pass", "KeyError", None),
        ("def f(x): pass", "TypeError", None),
        ("def f():\n    raise SystemExit(0)", "SystemExit", 2),
        ("def f():\n    raise KeyboardInterrupt", "KeyboardInterrupt", 2),
        ("def f():\n    f()", "RecursionError", 2),
        ("class Own(Exception): pass\ndef f():\n    raise Own", "Own", 3),
        ("def f():\n    raise ExceptionGroup('many', [ValueError()])", "ExceptionGroup", 2),
        ("def f():\n    raise ValueError('\\ud800')", "ValueError", 2),
    ],
)
def test_each_way_to_fail(runner: Runner, source: str, error_type: str, line: int | None) -> None:
    outcome = run(runner, source)
    assert outcome.status is Status.FAILED
    assert (outcome.error_type, outcome.error_line) == (error_type, line)


def test_a_class_cannot_carry_a_value_out_in_its_name(runner: Runner) -> None:
    outcome = run(runner, "def f(x):\n    raise type(x, (Exception,), {})", inputs={"x": "secret_42"})
    assert (outcome.error_type, outcome.reason) == ("Exception", "Exception on line 2")
    assert "secret_42" in outcome.error_text


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("os._exit(3)", "exit status 3"),
        ("os._exit(0)", "exit status 0"),
        ("os.kill(os.getpid(), signal.SIGSEGV)", "SIGSEGV"),
        ("os.kill(os.getpid(), signal.SIGTERM)", "SIGTERM"),
        ("import ctypes; ctypes.string_at(0)", "SIGSEGV"),
    ],
)
def test_code_that_ends_its_own_process_has_failed(runner: Runner, body: str, reason: str) -> None:
    if runner.level == "namespaces" and "os.kill" in body:
        pytest.skip("the first process of a pid namespace does not hear its own signals")
    outcome = run(runner, f"import os, signal\ndef f():\n    print('before')\n    {body}")
    assert outcome.status is Status.FAILED
    assert reason in outcome.reason
    assert outcome.stdout == "before\n"


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ("return lambda: 1", "type function"),
        ("return (i for i in range(3))", "type generator"),
        ("class Own: pass\n    return [Own()]", "type Own"),
        ("return type(input, (), {})()", "not supported"),
    ],
)
def test_a_result_that_cannot_travel_says_which_type(runner: Runner, body: str, named: str) -> None:
    outcome = run(runner, f"def f(input):\n    {body}", inputs={"input": "secret_42"})
    assert outcome.status is Status.FAILED
    assert "cannot travel" in outcome.reason
    assert named in outcome.reason
    assert "secret_42" not in outcome.reason


def test_a_key_of_a_result_that_cannot_travel_is_not_told(runner: Runner) -> None:
    outcome = run(runner, "def f(x): return {x: object()}", inputs={"x": "secret"})
    assert "secret" in outcome.error_text
    assert "secret" not in outcome.reason


# --- printed text -----------------------------------------------------------------------------------------


def test_printed_text_is_kept_by_stream(runner: Runner) -> None:
    source = """
        import os, sys
        def f():
            print("to out")
            print("to err", file=sys.stderr)
            sys.stdout.write("no newline")
            os.write(1, b" \\xff")
    """
    outcome = run(runner, source)
    assert outcome.stdout in ("to out\nno newline \ufffd", "to out\n \ufffdno newline")
    assert outcome.stderr == "to err\n"


def test_printed_text_over_the_limit_is_cut_with_a_note(runner: Runner) -> None:
    outcome = run(runner, "def f(): print('x' * 10_000_000)", limits=Limits(printed_bytes=1024))
    assert outcome.status is Status.FINISHED
    assert outcome.stdout.startswith("x" * 1024 + "\n[cut: 1 KiB of ")
    assert len(outcome.stdout) < 1200


def test_a_flood_of_text_ends_the_run(runner: Runner) -> None:
    outcome = run(runner, "def f():\n    while True: print('x' * 100_000)")
    assert outcome.status is Status.KILLED
    assert outcome.reason == "printed more than 64 MiB"


def test_closing_the_standard_streams_is_nobodys_problem(runner: Runner) -> None:
    source = """
        import os, sys
        def f():
            sys.stdout.close(); os.close(1); os.close(2); sys.stderr = None
            return 1
    """
    assert value_of(runner, source) == 1


# --- limits -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "limits", "reason"),
    [
        ("bytearray(8 << 30)", Limits(memory_bytes=256 * MIB), "memory limit 256 MiB exceeded"),
        (
            "x = []\n    while True: x.append(bytearray(1 << 20))",
            Limits(memory_bytes=64 * MIB),
            "memory limit 64 MiB",
        ),
        (
            "x = []\n    while True: x.append(object())",
            Limits(memory_bytes=64 * MIB),
            "memory limit 64 MiB exceeded",
        ),
        (
            "global x; x = []\n    while True: x.append([0])",
            Limits(memory_bytes=64 * MIB),
            "memory limit 64 MiB",
        ),
        (
            "import mmap; mmap.mmap(-1, 1 << 30)",
            Limits(memory_bytes=256 * MIB),
            "memory limit 256 MiB exceeded",
        ),
        (
            "import numpy; numpy.ones(1 << 27)",
            Limits(memory_bytes=256 * MIB),
            "memory limit 256 MiB exceeded",
        ),
        ("while True: pass", Limits(cpu_s=0.5), "CPU limit 0.5 s exceeded"),
        ("import time; time.sleep(60)", Limits(wall_s=0.5), "wall-clock limit 0.5 s exceeded"),
        (
            "open('x', 'wb').write(bytes(2 << 20))",
            Limits(scratch_bytes=MIB),
            "scratch space limit 1 MiB exceeded",
        ),
        (
            "import time\n    for i in range(300): open(str(i), 'wb').write(bytes(1 << 16)); time.sleep(.01)",
            Limits(scratch_bytes=MIB),
            "scratch space limit 1 MiB exceeded",
        ),
        ("x = [open('/dev/null') for _ in range(1000)]", Limits(), "limit of 256 open files exceeded"),
        ("return bytes(2 << 20)", Limits(output_bytes=MIB), "output limit 1 MiB exceeded"),
        (
            "import threading, time\n    for _ in range(100_000):"
            " threading.Thread(target=time.sleep, args=(9,), daemon=True).start()",
            Limits(threads=20, memory_bytes=32 << 30),
            "limit of 20 threads exceeded",
        ),
    ],
)
def test_each_limit_has_one_clear_error(runner: Runner, body: str, limits: Limits, reason: str) -> None:
    outcome = run(runner, f"def f():\n    {body}", limits=limits)
    assert outcome.status is Status.KILLED, outcome
    assert reason in outcome.reason
    assert outcome.usage.wall_s < 20


def test_ignoring_every_signal_does_not_outlive_the_wall_clock(runner: Runner) -> None:
    source = """
        def f():
            import signal, threading, time
            for one in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
                try: signal.signal(one, signal.SIG_IGN)
                except OSError: pass
            for _ in range(4): threading.Thread(target=time.sleep, args=(60,)).start()
            while True:
                try: time.sleep(60)
                except BaseException: pass
    """
    outcome = run(runner, source, limits=Limits(wall_s=0.5))
    assert outcome.reason == "wall-clock limit 0.5 s exceeded"
    assert outcome.usage.wall_s < 5


@pytest.mark.parametrize("field", Limits.__struct_fields__)
@pytest.mark.parametrize("figure", [0, -1, float("inf"), float("nan")])
def test_a_limit_that_limits_nothing_is_refused(field: str, figure: float) -> None:
    with pytest.raises(InvalidInput, match=field):
        Limits(**{field: figure})


# --- kill, many, close ------------------------------------------------------------------------------------


def test_kill_ends_a_run_with_its_reason(runner: Runner) -> None:
    work = execution("def f():\n    print('begun')\n    import time; time.sleep(60)")
    with ThreadPoolExecutor() as pool:
        future = pool.submit(runner.run, work, result=io.BytesIO())
        assert wait_until(lambda: runner.kill(work.uid, "the owner said stop"))
        assert runner.kill(work.uid, "a second reason") in (True, False)
        outcome = future.result(10)
    assert (outcome.status, outcome.reason) == (Status.KILLED, "the owner said stop")
    assert not runner.kill(work.uid, "too late")


def test_killing_what_does_not_run_says_so(runner: Runner) -> None:
    assert not runner.kill("0" * 32, "nothing there")


def test_a_uid_can_be_used_once_at_a_time(runner: Runner) -> None:
    work = execution("def f():\n    import time; time.sleep(60)")
    with ThreadPoolExecutor() as pool:
        futures = [pool.submit(runner.run, work, result=io.BytesIO()) for _ in range(5)]
        assert wait_until(lambda: sum(future.done() for future in futures) == 4)
        assert runner.kill(work.uid, "enough")
    assert sum(isinstance(future.exception(), InvalidInput) for future in futures) == 4
    assert run(runner, "def f(): return 1", uid=work.uid).status is Status.FINISHED


def test_many_run_at_once_and_do_not_mix(runner: Runner) -> None:
    source = "def f(x):\n    print(x)\n    return x * 2"
    with ThreadPoolExecutor(8) as pool:
        futures = {}
        for number in range(100):
            result = io.BytesIO()
            work = execution(source, inputs={"x": number})
            futures[number] = pool.submit(runner.run, work, result=result), result
        for number, (future, result) in futures.items():
            assert future.result(60).stdout == f"{number}\n"
            assert codec.decode(result.getvalue()) == number * 2


def test_start_returns_at_once_and_run_waits(own_runner: Runner) -> None:
    own_runner.start()
    own_runner.start()
    assert own_runner.level == "", "it would be known if it had waited"
    assert value_of(own_runner, "def f(): return 1") == 1


def test_what_is_killed_before_it_begins_never_begins(own_runner: Runner, tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    work = execution(f"def f(): open({str(tmp_path / 'mark')!r}, 'w')")
    with ThreadPoolExecutor() as pool:
        future = pool.submit(own_runner.run, work, result=io.BytesIO())
        assert wait_until(lambda: own_runner.kill(work.uid, "never mind"))
        outcome = future.result(120)
    assert (outcome.status, outcome.reason) == (Status.KILLED, "never mind")
    assert not (tmp_path / "mark").exists()


def test_closing_kills_what_runs_and_refuses_what_comes(own_runner: Runner) -> None:
    assert value_of(own_runner, "def f(): return 1") == 1
    work = execution("def f():\n    import time; time.sleep(60)")
    with ThreadPoolExecutor() as pool:
        future = pool.submit(own_runner.run, work, result=io.BytesIO())
        time.sleep(0.2)
        own_runner.close()
        assert future.result(10).status is Status.KILLED
    own_runner.close()
    with pytest.raises(InvalidState, match="closed"):
        run(own_runner, "def f(): return 1")
    with pytest.raises(InvalidState, match="closed"):
        own_runner.start()


# --- what it may ask of the node --------------------------------------------------------------------------

PART = "def part(x):\n    return x + 1\n"


@pytest.mark.parametrize("in_files", [False, True])
def test_code_can_launch_other_functions(runner: Runner, in_files: bool) -> None:
    host = Nested(runner, {"part": PART})
    host.in_files = in_files
    source = """
        def f(datasite, x):
            jobs = [datasite.launch_job(part, x=i) for i in range(x)]
            return sum(job.result for job in reversed(jobs)) + jobs[0].wait().get()
    """
    fields = {"inputs": {"x": 40}, "links": frozenset({"part"}), "datasite_parameter": "datasite"}
    assert value_of(runner, source, host=host, **fields) == sum(range(1, 41)) + 1


def test_a_large_value_can_be_handed_to_another_function_and_back(runner: Runner) -> None:
    source = "def f(datasite):\n    return len(datasite.launch_job('same', x=bytes(20 << 20)).result)"
    host = Nested(runner, {"same": "def same(x): return x"})
    fields = {"links": frozenset({"same"}), "datasite_parameter": "datasite"}
    assert value_of(runner, source, host=host, **fields) == 20 * MIB


def test_threads_of_the_code_can_launch_at_the_same_time(runner: Runner) -> None:
    source = """
        def f(datasite):
            from concurrent.futures import ThreadPoolExecutor
            with ThreadPoolExecutor(8) as pool:
                return sum(pool.map(lambda i: datasite.launch_job(part, x=i).result, range(32)))
    """
    host = Nested(runner, {"part": PART})
    fields = {"links": frozenset({"part"}), "datasite_parameter": "datasite"}
    assert value_of(runner, source, host=host, **fields) == sum(range(1, 33))


@pytest.mark.parametrize(
    ("call", "told"),
    [
        ("datasite.launch_job(gone)", "no function called gone"),
        ("datasite.launch_job('unnamed')", "not submitted with it"),
        ("datasite.launch_job(fails, x=1)", "ValueError on line 2"),
        ("datasite.launch_job(breaks)", "the node could not run it"),
    ],
)
def test_a_launch_that_is_refused_raises_inside(runner: Runner, call: str, told: str) -> None:
    class Breaking(Nested):
        def launch_job(
            self, call: int, name: str, inputs: Mapping[str, bytes], references: Sequence[Reference] = ()
        ) -> None:
            if name == "breaks":
                raise RuntimeError("private detail")
            super().launch_job(call, name, inputs, references)

    host = Breaking(runner, {"fails": "def fails(x):\n    raise ValueError(x)"})
    source = f"def f(datasite):\n    try: return {call}.result\n    except Exception as e: return str(e)"
    fields = {"links": frozenset({"gone", "fails", "breaks"}), "datasite_parameter": "datasite"}
    answer = value_of(runner, source, host=host, **fields)
    assert told in answer
    assert "private" not in answer


def test_results_are_handed_on_without_coming_to_the_run(runner: Runner) -> None:
    source = """
        def f(datasite, x):
            parts = [datasite.launch_job(part, x=i) for i in range(x)]
            whole = datasite.launch_job(collected, rows={"all": [parts, (parts[0], "text")]}, last=parts[-1])
            return whole.result
    """
    sources = {
        "part": "def part(x): return [x, 'x' * 100_000]",
        "collected": """
def collected(rows, last):
    (many, (first, text)) = rows["all"]
    assert first is many[0] and text == "text"
    return [sum(one[0] for one in many), sum(len(one[1]) for one in many), last[0]]
""",
    }
    host = Collecting(runner, sources)
    fields = {"inputs": {"x": 20}, "links": frozenset(sources), "datasite_parameter": "datasite"}
    assert value_of(runner, source, host=host, **fields) == [190, 2_000_000, 19]
    assert host.collected == [21]


class Collecting(Nested):
    """Notes which results were asked for."""

    def __init__(self, *args: Any, **fields: Any) -> None:
        super().__init__(*args, **fields)
        self.collected: list[int] = []

    def collect(self, call: int) -> bytes | BinaryIO:
        self.collected.append(call)
        return super().collect(call)


def test_a_result_that_was_waited_for_stays_where_it_is(runner: Runner) -> None:
    source = """
        def f(datasite):
            job = datasite.launch_job(part, x=1).wait().wait()
            return [job.result, job.result, job.get()]
    """
    host = Collecting(runner, {"part": PART})
    fields = {"links": frozenset({"part"}), "datasite_parameter": "datasite"}
    assert value_of(runner, source, host=host, **fields) == [2, 2, 2]
    assert host.collected == [1, 1]


@pytest.mark.parametrize("in_file", [True, False])
def test_parts_of_a_partitioned_input_are_read_when_asked_for(
    runner: Runner, in_file: bool, tmp_path: Path
) -> None:
    np = pytest.importorskip("numpy")
    data = Partitioned([np.full(5000 if number else 3, number) for number in range(64)])
    source = """
        def f(datasite, data):
            assert len(data) == 64 and [len(one) for one in data] == [3] + [5000] * 63
            jobs = [datasite.launch_job(mean, batch=data.part(i)) for i in range(64)]
            jobs += [datasite.launch_job(mean, batch=one) for one in data.parts]
            jobs.append(datasite.launch_job(mean, batch=data[-1].copy()))
            jobs.append(datasite.launch_job(again, whole=data))
            return [job.result for job in jobs]
    """
    sources = {
        "mean": "def mean(batch): return float(batch.mean())",
        "again": "def again(datasite, whole): return datasite.launch_job(mean, batch=whole.part(-2)).result",
    }
    given: Any = data
    encoded = codec.encode(data)
    if in_file:
        (tmp_path / "data").write_bytes(b"before" + encoded.to_bytes() + b"behind")
        given = FileInput(tmp_path / "data", 6, encoded.size)
    work = execution(source, inputs={"data": given}, links=frozenset(sources), datasite_parameter="datasite")
    host = Seeing(runner, sources, work.inputs)
    result = io.BytesIO()
    outcome = runner.run(work, result=result, host=host)
    assert outcome.status is Status.FINISHED, outcome
    expected = [float(number) for number in range(64)]
    assert codec.decode(result.getvalue()) == [*expected, *expected, 63.0, 62.0]
    # By name, whatever their size; only what the run has made itself is sent.
    assert host.seen[:128] == [(OfInput("data", number), 64) for number in [*range(64), *range(64)]]
    assert host.seen[128][1] > 5000 * 8
    assert host.seen[129] == (OfInput("data"), 64)


class Seeing(Nested):
    """Notes what a launch names, and roughly how many bytes it sends."""

    def __init__(self, *args: Any, **fields: Any) -> None:
        super().__init__(*args, **fields)
        self.seen: list[tuple[Reference | None, int]] = []

    def launch_job(
        self, call: int, name: str, inputs: Mapping[str, bytes], references: Sequence[Reference] = ()
    ) -> None:
        (data,) = inputs.values()
        self.seen.append((references[0] if references else None, max(64, len(data))))
        super().launch_job(call, name, inputs, references)


@pytest.mark.parametrize(
    ("change", "sent"),
    [
        ("", False),
        ("data = data[:]", False),
        ("data = data[1:]", True),
        ("data = parts[1]", False),
        ("data = parts[1][:]", False),
        ("data = parts[1] + 0", True),
        ("data = data.copy()", True),
        ("data = data.reshape(2, -1)", True),
        ("data = data.view('u8')", True),
    ],
)
def test_an_input_that_is_handed_on_as_it_came_is_not_sent(
    runner: Runner, change: str, sent: bool, tmp_path: Path
) -> None:
    np = pytest.importorskip("numpy")
    (tmp_path / "data").write_bytes(codec.encode(np.arange(100_000)).to_bytes())
    parts = Partitioned([np.zeros(100_000, np.int64), np.arange(100_000)])
    (tmp_path / "parts").write_bytes(codec.encode(parts).to_bytes())
    source = f"""
        def f(datasite, data, parts):
            {change or "pass"}
            return datasite.launch_job(total, x=data).result
    """
    work = execution(
        source,
        inputs={"data": FileInput(tmp_path / "data"), "parts": FileInput(tmp_path / "parts")},
        links=frozenset({"total"}),
        datasite_parameter="datasite",
    )
    host = Seeing(runner, {"total": "def total(x): return int(x.sum())"}, work.inputs)
    result = io.BytesIO()
    assert runner.run(work, result=result, host=host).status is Status.FINISHED
    assert codec.decode(result.getvalue()) == 4999950000
    assert (host.seen[0][1] > 64) is sent


def test_placeholders_are_put_in_place_before_the_code_begins(runner: Runner, tmp_path: Path) -> None:
    one, two = codec.encode(b"1" * 10_000).to_bytes(), codec.encode("two").to_bytes()
    (tmp_path / "one").write_bytes(b"x" * 5000 + one)
    given = [codec.Placeholder(1), {"deep": (codec.Placeholder(0), codec.Placeholder(1))}]
    work = Execution(
        uid=uuid.uuid4().hex,
        source="def f(x):\n    assert x[1]['deep'][0] == b'1' * 10_000\n    return [x[0], x[1]['deep'][1]]",
        entry="f",
        inputs={"x": InlineInput(codec.encode(given, stand_in=lambda value: value).to_bytes())},
        references=(FileInput(tmp_path / "one", 5000, len(one)), InlineInput(two)),
    )
    result = io.BytesIO()
    outcome = runner.run(work, result=result)
    assert outcome.status is Status.FINISHED, outcome
    assert codec.decode(result.getvalue()) == ["two", "two"]


@pytest.mark.parametrize("references", [(), (InlineInput(codec.encode(1).to_bytes()),)])
def test_a_placeholder_that_stands_for_nothing_stops_the_run(
    runner: Runner, references: tuple[InlineInput, ...]
) -> None:
    hostile = codec.encode(codec.Placeholder(1), stand_in=lambda value: value).to_bytes()
    fields: dict[str, Any] = {"source": "def f(x): return 1", "entry": "f"}
    work = Execution(
        uid=uuid.uuid4().hex, inputs={"x": InlineInput(hostile)}, references=references, **fields
    )
    outcome = runner.run(work, result=io.BytesIO())
    assert outcome.status is Status.LOST, "the code has not begun"
    assert "stands for nothing" in outcome.reason
    # Nor may what a placeholder stands for have one itself: it would be given what is its reader's.
    nested = InlineInput(codec.encode(codec.Placeholder(0), stand_in=lambda value: value).to_bytes())
    work = Execution(uid=uuid.uuid4().hex, inputs={"x": nested}, references=(nested, *references), **fields)
    assert "stands for nothing" in runner.run(work, result=io.BytesIO()).reason


def test_what_is_printed_is_told_as_it_comes(runner: Runner) -> None:
    told = threading.Event()

    class Hearing(Nested):
        def printed(self, stream: Stream, text: str) -> None:
            super().printed(stream, text)
            told.set()

        def collect(self, call: int) -> bytes | BinaryIO:
            assert told.wait(20), "nothing was told while the code went on"
            return super().collect(call)

    host = Hearing(runner, {"wait": "def wait(): return 1"})
    source = """
        import sys
        def f(datasite):
            print("first é")
            datasite.launch_job(wait).wait()
            print("x" * 5000, file=sys.stderr)
    """
    limits = Limits(printed_bytes=100)
    fields = {"links": frozenset({"wait"}), "datasite_parameter": "datasite", "limits": limits}
    outcome = run(runner, source, host=host, **fields)
    assert outcome.status is Status.FINISHED, outcome
    assert "".join(text for stream, text in host.heard if stream == "stdout") == "first é\n"
    assert "".join(text for stream, text in host.heard if stream == "stderr") == "x" * 100


def test_without_a_host_nothing_can_be_launched(runner: Runner) -> None:
    source = (
        "def f(datasite):\n    datasite.init_progress(2)\n    return datasite.launch_job(part, x=1).result"
    )
    outcome = run(runner, source, links=frozenset({"part"}), datasite_parameter="datasite")
    assert (outcome.status, outcome.error_type) == (Status.FAILED, "JobFailed")


@pytest.mark.parametrize(
    ("call", "error"),
    [
        ("part(1)", "use datasite.launch_job(part, ...)"),
        ("datasite.launch_job(len, x=1)", "takes a submitted function"),
        ("datasite.launch_job(part, x=bytes(65 << 20))", "64 MiB"),
        ("datasite.launch_job(part, x=object())", "cannot travel"),
    ],
)
def test_misused_links_say_what_to_do(runner: Runner, call: str, error: str) -> None:
    source = f"def f(datasite): return {call}"
    outcome = run(runner, source, links=frozenset({"part"}), datasite_parameter="datasite")
    assert outcome.status is Status.FAILED
    assert error in outcome.error_text


def test_a_run_that_ends_does_not_wait_for_what_it_launched(runner: Runner) -> None:
    leave = threading.Event()

    class Slow(Nested):
        def launch_job(
            self, call: int, name: str, inputs: Mapping[str, bytes], references: Sequence[Reference] = ()
        ) -> None:
            pass

        def collect(self, call: int) -> bytes | BinaryIO:
            leave.wait(30)
            return b""

    source = """
        def f(datasite):
            import threading
            job = datasite.launch_job(part)
            threading.Thread(target=job.wait, daemon=True).start()
            return 1
    """
    fields = {"links": frozenset({"part"}), "datasite_parameter": "datasite"}
    assert value_of(runner, source, host=Slow(runner, {}), **fields) == 1
    leave.set()


def test_progress_reaches_the_host_now_and_then_and_at_the_end(runner: Runner) -> None:
    host = Nested(runner, {})
    source = """
        def f(datasite):
            import time
            datasite.init_progress(500)
            for _ in range(500):
                datasite.increment_progress()
                time.sleep(0.001)
    """
    assert value_of(runner, source, host=host, datasite_parameter="datasite") is None
    assert host.told[-1] == (500, 500)
    assert host.told == sorted(host.told, key=lambda told: told[0])
    assert len(host.told) < 30


# --- what is left behind ----------------------------------------------------------------------------------


def test_the_servers_environment_is_not_the_runs(runner: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SERVER_SECRET", "secret")
    source = """
        import os
        def f():
            try:
                return dict(os.environ), open("/proc/self/environ").read()
            except PermissionError:
                return dict(os.environ), ""
    """
    environment, initial = value_of(runner, source)
    assert "SERVER_SECRET" not in environment
    assert "SERVER_SECRET" not in initial
    assert environment.get("OF_THE_SANDBOX") == (None if isinstance(runner, RemoteKind) else "1")


def test_runs_draw_different_random_numbers(runner: Runner) -> None:
    source = """
        def f():
            import random, numpy
            return [random.random(), float(numpy.random.rand()), float(numpy.random.default_rng().random())]
    """
    draws = [value_of(runner, source) for _ in range(3)]
    assert len({number for draw in draws for number in draw}) == 9


def test_nothing_stays_for_the_next_run(runner: Runner) -> None:
    source = """
        import builtins, os, sys, tempfile
        def f():
            found = [hasattr(builtins, "left"), "left" in sys.modules, os.listdir()]
            builtins.left = sys.modules["left"] = builtins
            open("left", "w").close()
            with tempfile.NamedTemporaryFile(delete=False) as file:
                assert os.path.dirname(file.name) == os.getcwd() == os.environ["HOME"]
            return found
    """
    assert value_of(runner, source) == [False, False, []]
    assert value_of(runner, source) == [False, False, []]


def test_nothing_leaks(own_runner: Runner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    before = descendants()
    assert value_of(own_runner, "def f(): return 1") == 1
    assert wait_until(lambda: len(descendants() - before) == standing_of(own_runner), 30)
    standing = descendants() - before
    # At `gvisor` another container waits after each run; elsewhere the same parent does.
    renewed = own_runner.level == GVISOR
    descriptors = open_descriptors()
    sources = [
        "def f(): return 1",
        "def f(): raise ValueError",
        "import os\ndef f():\n    os.makedirs('a/' * 500); os.chmod('a', 0); os._exit(1)",
        "import subprocess\ndef f(): subprocess.Popen(['sleep', '600'], start_new_session=True)",
        "import os\ndef f():\n    if os.fork() == 0: os.setsid(); os.fork(); __import__('time').sleep(600)",
        "import os, time\ndef f():\n    while True: os.read(0, 0); time.sleep(1)",
    ]
    with ThreadPoolExecutor(6) as pool:
        limits = Limits(wall_s=1.0)
        for source in sources * 4:
            pool.submit(run, own_runner, source, limits=limits)
    if renewed:
        assert wait_until(lambda: len(descendants() - before) == len(standing), 60)
    else:
        assert wait_until(lambda: descendants() - before == standing)
    assert wait_until(lambda: open_descriptors() <= descriptors)
    directory = next(tmp_path.iterdir())
    assert wait_until(lambda: len(list(directory.iterdir())) == (2 if renewed else 0))
    own_runner.close()
    assert descendants() <= before
    assert not list(tmp_path.iterdir())


# --- when the sandbox breaks ------------------------------------------------------------------------------


def zygotes() -> set[int]:
    """Of this process, and of workers that it has started."""
    children = psutil.Process().children()
    below = psutil.Process().children(recursive=True)
    workers = [one for one in below if {"syft.cli", "--multiprocessing-fork"} & set(command(one))]
    children += [one for worker in workers for one in worker.children()]
    return {child.pid for child in children if "syft.sandbox.zygote" in command(child)}


def command(process: psutil.Process) -> list[str]:
    """How it was started; nothing of one that has ended, and only waits to be collected."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return process.cmdline()
    return []


def below(pid: int) -> list[psutil.Process]:
    return psutil.Process(pid).children(recursive=True)


def test_a_dead_parent_loses_its_runs_and_the_next_run_has_another(own_runner: Runner) -> None:
    before = zygotes()
    runner = own_runner
    assert value_of(runner, "def f(): return 1") == 1
    (zygote,) = zygotes() - before
    standing = STANDING[runner.level] - 1
    assert wait_until(lambda: len(below(zygote)) == standing, 30)
    with ThreadPoolExecutor() as pool:
        work = execution("def f():\n    import time; time.sleep(60)")
        future = pool.submit(runner.run, work, result=io.BytesIO())
        assert wait_until(lambda: len(below(zygote)) > standing)
        children = below(zygote)
        os.kill(zygote, signal.SIGKILL)
        outcome = future.result(10)
    assert outcome.status is Status.LOST
    assert "parent" in outcome.reason
    assert wait_until(lambda: not any(map(alive, children)))
    assert value_of(runner, "def f(): return 2") == 2
    assert outcome.level == runner.level


def test_a_library_that_starts_threads_when_imported_is_not_forked() -> None:
    pytest.importorskip("pyarrow")
    runner = EmbeddedRunner(environment={"JE_ARROW_MALLOC_CONF": "background_thread:true"})
    outcome = run(runner, "def f(): return 1")
    assert outcome.status is Status.LOST
    assert "importing has started threads" in outcome.reason
    runner.close()


@pytest.mark.parametrize(
    ("executable", "reason"), [("/nowhere/python", "No such file"), ("/bin/false", "died without a word")]
)
def test_a_parent_that_cannot_start_is_not_the_codes_fault(
    monkeypatch: pytest.MonkeyPatch, executable: str, reason: str
) -> None:
    runner = EmbeddedRunner()
    with monkeypatch.context() as patch:
        patch.setattr(sys, "executable", executable)
        outcome = run(runner, "def f(): return 1")
    assert outcome.status is Status.LOST
    assert reason in outcome.reason
    assert value_of(runner, "def f(): return 1") == 1
    runner.close()


def test_a_module_that_is_not_installed_is_left_out() -> None:
    runner = EmbeddedRunner(preload=["no_such_module_anywhere", "json"])
    assert value_of(runner, "import sys\ndef f(): return 'json' in sys.modules")
    runner.close()


SERVER = """
import io, sys, uuid
from syft.sandbox.runner import *
runner = EmbeddedRunner(level=sys.argv[1])
def work(source): return Execution(uid=uuid.uuid4().hex, source=source, entry="f")
print(runner.run(work("def f(): return 1"), result=io.BytesIO()).status, flush=True)
source = "import subprocess as s, time\\ndef f():\\n    "
source += "s.Popen(['sleep', '600']); " if sys.argv[1] == "process" else ""
source += "time.sleep(600)"
runner.run(work(source), result=io.BytesIO())
"""


@pytest.mark.parametrize(("level", "processes"), [("namespaces", 3), ("landlock", 2), ("process", 3)])
def test_the_death_of_the_server_ends_every_run(tmp_path: Path, level: str, processes: int) -> None:
    probe = MAKERS[level]()
    skip_unless_available(probe)
    probe.close()
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    command = [sys.executable, "-c", SERVER, level]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, text=True) as server:
        assert server.stdout is not None
        assert server.stdout.readline() == "Status.FINISHED\n"
        assert wait_until(lambda: len(psutil.Process(server.pid).children(recursive=True)) == processes)
        below = psutil.Process(server.pid).children(recursive=True)
        server.kill()
    assert wait_until(lambda: not any(map(alive, below)))
    assert wait_until(lambda: not list(tmp_path.iterdir()))
