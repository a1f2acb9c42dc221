"""The fence at level `process`: each act is tried outside, where it must work, and inside, where it must not.

What this level does not promise (files, network and signals of the server's user) is not tested here.
"""

from __future__ import annotations

import io
import os
import subprocess
import sys
import textwrap
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from syft.sandbox import launches
from syft.sandbox.runner import EmbeddedRunner, Execution, FileInput, Limits, Outcome, Status
from syft.wire import codec

MIB = 1 << 20
LIMITS = Limits(memory_bytes=512 * MIB, scratch_bytes=8 * MIB, threads=20, wall_s=20)


@pytest.fixture(scope="module")
def inherited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """A descriptor of the server's that every program it starts would get."""
    path = tmp_path_factory.mktemp("server") / "secret"
    path.write_text("secret")
    descriptor = os.open(path, os.O_RDONLY)
    os.set_inheritable(descriptor, True)
    yield descriptor
    os.close(descriptor)


@pytest.fixture(scope="module")
def runner(inherited: int) -> Iterator[EmbeddedRunner]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SERVER_SECRET", "secret")
        made = EmbeddedRunner(level="process")
        run(made, "def f(): return 1")
        yield made
        made.close()


@pytest.fixture
def own_user(runner: EmbeddedRunner) -> None:
    """For what is promised only where runs have a user of their own."""
    if any("server's user" in weakness for weakness in runner.weaknesses):
        pytest.skip("the server is not root: its runs have its own user at this level")


def run(runner: EmbeddedRunner, source: str, limits: Limits = LIMITS, **fields: Any) -> Outcome:
    work = Execution(uid=uuid.uuid4().hex, source=source, entry="f", limits=limits, **fields)
    return runner.run(work, result=io.BytesIO())


def inside(runner: EmbeddedRunner, source: str, **values: Any) -> Any:
    """What the function returns in the sandbox, or the name of what it raises."""
    result = io.BytesIO()
    source = with_values(source, values)
    work = Execution(uid=uuid.uuid4().hex, source=source, entry="f", limits=LIMITS)
    outcome = runner.run(work, result=result)
    if outcome.status is not Status.FINISHED:
        return outcome.reason
    return codec.decode(result.getvalue())


def outside(source: str, **values: Any) -> Any:
    """What the function returns in a plain child process of this one."""
    program = with_values(source, values) + "\nprint(repr(f()))"
    environment = {**os.environ, "SERVER_SECRET": "secret"}
    command = [sys.executable, "-c", program]
    done = subprocess.run(
        command, capture_output=True, env=environment, close_fds=False, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return eval(done.stdout)


def with_values(source: str, values: dict[str, Any]) -> str:
    return "".join(f"{name} = {value!r}\n" for name, value in values.items()) + textwrap.dedent(source)


def attempt(act: str) -> str:
    """A function that says whether an act works, by its name or the name of the error."""
    return f"""
        import ctypes, os, resource, signal, sys
        def f():
            try:
                {act}
            except BaseException as error:
                return type(error).__name__
            return "done"
    """


@pytest.mark.parametrize(
    ("act", "inside_answers"),
    [
        pytest.param("os.environ['SERVER_SECRET']", {"KeyError"}, id="environment"),
        pytest.param(
            "assert 'SERVER_SECRET' in str(open('/proc/self/environ', 'rb').read())",
            {"AssertionError", "PermissionError"},
            id="environment at exec",
        ),
        pytest.param("os.read(FD, 9)", {"OSError"}, id="inherited descriptor"),
        pytest.param("bytearray(1 << 30)", {"MemoryError"}, id="memory"),
        pytest.param("open('/dev/zero', 'rb').read(1 << 30)", {"MemoryError"}, id="memory through a read"),
        pytest.param(
            "resource.setrlimit(resource.RLIMIT_NOFILE, (1000, 1000))",
            {"ValueError", "PermissionError"},
            id="raise a limit",
        ),
        pytest.param(
            "assert ctypes.CDLL(None).prctl(39, 0, 0, 0, 0) == 0",
            {"AssertionError"},
            id="gain rights from a setuid program",
        ),
        pytest.param(
            "assert ctypes.CDLL(None).prctl(3, 0, 0, 0, 0) == 1",
            {"AssertionError"},
            id="be dumped or attached to",
        ),
        pytest.param(
            "assert os.getsid(0) == os.getsid(os.getppid())",
            {"AssertionError", "ProcessLookupError"},
            id="share a session",
        ),
    ],
)
def test_the_act_works_outside_and_not_inside(
    runner: EmbeddedRunner, inherited: int, act: str, inside_answers: set[str]
) -> None:
    source = attempt(act)
    assert outside(source, FD=inherited) == "done"
    assert inside(runner, source, FD=inherited) in inside_answers


@pytest.mark.parametrize(
    "act",
    [
        pytest.param("os.kill(SERVER, 0)", id="signal the server"),
        pytest.param("open(f'/proc/{SERVER}/environ', 'rb').read(1)", id="the server's environment"),
        pytest.param("os.listdir(f'/proc/{SERVER}/fd')", id="the server's descriptors"),
        pytest.param("open(f'/proc/{SERVER}/mem', 'rb').close()", id="the server's memory"),
        pytest.param("resource.prlimit(SERVER, resource.RLIMIT_CORE, (0, 0))", id="the server's limits"),
        pytest.param("open(SECRET).read()", id="the server's file"),
        pytest.param("os.chmod(SECRET, 0o777)", id="the rights of the server's file"),
        pytest.param("os.unlink(SECRET)", id="remove the server's file"),
        pytest.param("os.setuid(0); assert os.getuid() == 0", id="become root"),
    ],
)
@pytest.mark.usefixtures("own_user")
def test_a_user_of_its_own_keeps_a_run_off_the_server(
    runner: EmbeddedRunner, tmp_path: Path, act: str
) -> None:
    # A process that plays the server, since the real one should survive this.
    with subprocess.Popen(["sleep", "60"]) as server:
        secret = tmp_path / "secret"
        secret.write_text("secret")
        secret.chmod(0o600)
        values = {"SERVER": server.pid, "SECRET": str(secret)}
        assert inside(runner, attempt(act), **values) in {"PermissionError", "FileNotFoundError"}
        assert outside(attempt(act), **values) == "done"
        server.kill()


@pytest.mark.usefixtures("own_user")
def test_an_input_cannot_be_reopened_for_writing(runner: EmbeddedRunner, tmp_path: Path) -> None:
    source = "import os\ndef f(x): os.close(os.open('/proc/self/fd/4', os.O_RDWR))"
    path = tmp_path / "input"
    path.write_bytes(codec.encode(bytes(10_000)).to_bytes())
    path.chmod(0o400)
    outcome = run(runner, source, inputs={"x": FileInput(path)})
    assert outcome.status is Status.FAILED
    assert outcome.error_type in {"PermissionError", "FileNotFoundError"}


MULTIPLY = """
    import os, signal, time
    def f():
        children = []
        try:
            while len(children) < 200:
                pid = os.fork()
                if pid == 0:
                    time.sleep(30)
                    os._exit(0)
                children.append(pid)
        except OSError:
            pass
        for pid in children:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        return len(children)
"""


@pytest.mark.usefixtures("own_user")
def test_a_run_cannot_multiply_without_end(runner: EmbeddedRunner) -> None:
    assert outside(MULTIPLY) == 200
    assert inside(runner, MULTIPLY) <= LIMITS.threads


def below_this_process() -> set[psutil.Process]:
    """Everything this process has started, at any depth: other tests' servers and sandboxes too."""
    return set(psutil.Process().children(recursive=True))


def nothing_is_left_but(before: set[psutil.Process]) -> None:
    deadline = time.monotonic() + 10
    while below_this_process() - before:
        assert time.monotonic() < deadline
        time.sleep(0.05)


DAEMON = """
    import os, time
    def f():
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                for descriptor in range(10):
                    try:
                        os.close(descriptor)
                    except OSError:
                        pass
                open(MARK, "w").write(str(os.getpid()))
                time.sleep(30)
            os._exit(0)
        while not os.path.exists(MARK) or not open(MARK).read():
            time.sleep(0.01)
        return int(open(MARK).read())
"""


def test_no_process_stays_behind(runner: EmbeddedRunner, tmp_path: Path) -> None:
    left = outside(DAEMON, MARK=str(tmp_path / "outside"))
    assert psutil.pid_exists(left)
    os.kill(left, 9)
    assert inside(runner, "def f(): return 0") == 0
    before = below_this_process()
    # An orphan is ended while its run goes on, or at its end: the mark may be all that is seen of it.
    source = with_values(DAEMON, {"MARK": "mark"})
    outcome = run(runner, source, limits=Limits(wall_s=3))
    assert outcome.status in {Status.FINISHED, Status.KILLED}
    nothing_is_left_but(before)


def test_a_copy_that_the_code_makes_of_itself_gives_no_answer(runner: EmbeddedRunner) -> None:
    source = """
        import os
        def f():
            copy = os.fork()
            if copy == 0:
                return 2
            return os.waitstatus_to_exitcode(os.waitpid(copy, 0)[1]), 1
    """
    assert inside(runner, source) == (0, 1)


def test_a_chain_of_forks_comes_to_an_end(runner: EmbeddedRunner) -> None:
    source = """
        import os, time
        def f():
            if os.fork() == 0:
                try:
                    while True:
                        if os.fork():
                            os._exit(0)
                        os.setsid()
                except OSError:
                    return 3
            time.sleep(0.2)
            return 1
    """
    assert inside(runner, "def f(): return 0") == 0
    before = below_this_process()
    assert inside(runner, source) == 1
    nothing_is_left_but(before)
    assert inside(runner, "def f(): return 2") == 2


# --- words on the channel, said by code that has taken it over ----------------------------------------------

SAY = """
    import os, socket, struct, time
    def f():
        channel = socket.socket(fileno=3)
        channel.setblocking(True)
        def frame(kind, body, length=None):
            channel.sendall(struct.pack(">BI", kind, len(body) if length is None else length) + body)
        {words}
        time.sleep(30)
"""


@pytest.mark.parametrize(
    ("words", "status"),
    [
        pytest.param("channel.sendall(os.urandom(1 << 16))", Status.KILLED, id="noise"),
        pytest.param("frame(1, b'', 0)", Status.KILLED, id="an empty message"),
        pytest.param("frame(1, b'', 1 << 31)", Status.KILLED, id="a huge message"),
        pytest.param("frame(9, b'x')", Status.KILLED, id="an unknown kind"),
        pytest.param("frame(2, b'x')", Status.KILLED, id="bulk that nobody announced"),
        pytest.param("frame(1, b'\\xc1')", Status.KILLED, id="bytes that are not MessagePack"),
        pytest.param("frame(1, b'\\x91' * 100_000 + b'\\x90')", Status.KILLED, id="deep nesting"),
        pytest.param("frame(1, b'\\x81\\xa4type\\xa5Start')", Status.KILLED, id="the node's own words"),
        pytest.param("channel.close(); os.closerange(3, 9)", Status.KILLED, id="silence"),
        pytest.param("channel.shutdown(socket.SHUT_RDWR); os._exit(0)", Status.FAILED, id="silence and exit"),
    ],
)
def test_hostile_words_end_the_run_and_nothing_else(
    runner: EmbeddedRunner, words: str, status: Status
) -> None:
    outcome = run(runner, textwrap.dedent(SAY).format(words=words))
    assert outcome.status is status, outcome
    assert outcome.usage.wall_s < 10
    assert inside(runner, "def f(): return 2") == 2


def test_a_forged_result_is_no_more_than_the_runs_own_claim(runner: EmbeddedRunner) -> None:
    forged = codec.encode("forged").to_bytes()
    header = {"type": "Result", "size": len(forged), "type_name": "str", "shape": []}
    words = f"import msgspec; frame(1, msgspec.msgpack.encode({header})); frame(2, {forged!r})"
    source = textwrap.dedent(SAY).format(words=words)
    result = io.BytesIO()
    work = Execution(uid=uuid.uuid4().hex, source=source, entry="f", limits=LIMITS)
    assert runner.run(work, result=result).status is Status.FINISHED
    assert codec.decode(result.getvalue()) == "forged"


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ('{"type": "Result", "size": 1 << 60, "type_name": "str", "shape": []}', "output limit"),
        ('{"type": "Launch", "call": 1, "name": "x", "sizes": {"x": 1 << 60}}', "channel"),
        ('{"type": "Launch", "call": -1, "name": "x", "sizes": {}}', "channel"),
        ('{"type": "Progress", "current": -1, "total": None}', "channel"),
        ('{"type": "Failed"}', "channel"),
    ],
)
def test_hostile_announcements_are_refused(runner: EmbeddedRunner, message: str, reason: str) -> None:
    words = f"import msgspec; frame(1, msgspec.msgpack.encode({message}))"
    outcome = run(runner, textwrap.dedent(SAY).format(words=words))
    assert outcome.status is Status.KILLED
    assert reason in outcome.reason


@pytest.mark.parametrize("most", [launches.LAUNCHES_MAX - 1, 0])
def test_launching_for_ever_without_reading_ends_the_run(runner: EmbeddedRunner, most: int) -> None:
    """Inside the bound it goes on; beyond it, something of each launch would be kept without end."""
    words = f"""import itertools, msgspec
    for call in itertools.count(1):
        frame(1, msgspec.msgpack.encode(
            {{'type': 'Launch', 'call': call, 'name': 'x', 'sizes': {{}}, 'references': []}}))
        if call == {most}:
            os._exit(0)"""
    outcome = run(runner, textwrap.dedent(SAY).format(words=words))
    if most:
        assert outcome.status is not Status.KILLED, outcome.reason
    else:
        assert outcome.status is Status.KILLED
        assert "disturbed its channel" in outcome.reason


def test_claims_are_bounded_and_vetted(runner: EmbeddedRunner) -> None:
    words = (
        "import msgspec; frame(1, msgspec.msgpack.encode({'type': 'Failed', 'error_type': 'Alice has HIV',"
        " 'error_line': 12345, 'error_text': 'private', 'traceback': 'private'}))"
    )
    outcome = run(runner, textwrap.dedent(SAY).format(words=words))
    assert outcome.status is Status.FAILED
    assert (outcome.error_type, outcome.error_line, outcome.reason) == ("Exception", None, "Exception")
