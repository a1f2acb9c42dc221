"""A server under a mixed load, somebody who kills parts of it, and a look at what that leaves behind."""

from __future__ import annotations

import os
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import msgspec
import psutil

from support.people import ROOT, Person, function, on
from support.servers import ServerProcess
from syft.errors import NodeUnreachable
from syft.model.code import InputPolicy, MustBe, OfType, Parameter
from syft.model.job import Argument, ValueArgument
from syft.model.messages import users
from syft.model.messages.jobs import GetJob, JobReply, JobsReply, JobView, ListJobs
from syft.model.uid import UID
from syft.wire.codec import encode

NAME: Final = "site"
MAIL: Final = "scientist@site.org"
PASSWORD: Final = "correct horse battery"
CLIENTS: Final = 5
WORKERS: Final = 3
SETTLE_S: Final = 180.0
PRIVATE: Final = {"x": 7}

# What each body returns when nobody kills anything is [7, tag], or it fails whatever happens.
GOOD: Final = {
    "quick": "return [data['x'], tag]",
    "sleeping": "import time\ntime.sleep(0.3)\nreturn [data['x'], tag]",
    "parts": (
        "jobs = [datasite.launch_job(PART, tag=tag, filling=bytes(2 << 20)) for _ in range(3)]\n"
        "datasite.launch_job(PART, tag=tag, filling=b'')\n"
        "return [data['x'], jobs[0].result[0]]"
    ),
}
BAD: Final = {
    "crashing": "import ctypes\nctypes.string_at(0)",
    "raising": "raise ValueError(tag)",
    "flooding": "for _ in range(200_000):\n    print('x' * 1000)",
}
# Its own result is more than is kept in memory on its way.
_PART: Final = "import time\ntime.sleep(0.1)\nreturn [tag, bytes(9 << 20)]"


def wait_until(condition: Callable[[], bool], timeout_s: float = SETTLE_S) -> bool:
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


class Family:
    """The processes of one server, as the kernel shows them.

    Args:
        pid: the server's.
        temporary: its folder for temporary files.
    """

    def __init__(self, pid: int, temporary: Path) -> None:
        self.server = psutil.Process(pid)
        self._temporary = temporary

    def all(self) -> list[psutil.Process]:
        """The server and everything below it."""
        with suppress(psutil.NoSuchProcess):
            return [self.server, *self.server.children(recursive=True)]
        return []

    def find(self, target: str, level: str) -> list[psutil.Process]:
        """Who can be killed as "server", "launcher", "zygote" or "job"."""
        with suppress(psutil.NoSuchProcess):
            if target == "server":
                return [self.server]
            found = [one for one in self.server.children() if _is_zygote(one)]
            # At `namespaces` the zygote proper is within, and the one outside waits for it.
            depth = {"launcher": 0, "zygote": level == "namespaces", "job": 1 + (level == "namespaces")}
            for _ in range(depth[target]):
                found = [child for one in found for child in one.children()]
            return found
        return []

    def descriptors(self) -> Counter[str]:
        """What the server holds open, but for its database and its connections over the network."""
        kinds: Counter[str] = Counter()
        local = {one.fd for one in self.server.net_connections("unix")}
        for name in os.listdir(f"/proc/{self.server.pid}/fd"):
            with suppress(FileNotFoundError):
                target = os.readlink(f"/proc/{self.server.pid}/fd/{name}")
                if target.startswith("socket:") and int(name) not in local:
                    continue
                if f"/{NAME}/" not in target:
                    own = target.startswith(str(self._temporary))
                    kinds["temporary" if own else target.partition(":")[0]] += 1
        return kinds


def _is_zygote(process: psutil.Process) -> bool:
    with suppress(psutil.NoSuchProcess):
        return "syft.sandbox.zygote" in process.cmdline()
    return False


def alive(process: psutil.Process) -> bool:
    """Whether it runs; a zombie only waits to be collected by whoever inherited it."""
    with suppress(psutil.NoSuchProcess):
        return process.status() != psutil.STATUS_ZOMBIE
    return False


class Place:
    """A server that is started again and again on one home, and its folder for temporary files.

    Args:
        folder: empty; others can get through to what is in it.
        level: of the fence.
    """

    def __init__(self, folder: Path, level: str) -> None:
        self.level = level
        self.home = folder / "home"
        self.temporary = folder / "tmp"
        self.temporary.mkdir()
        self.temporary.chmod(0o711)
        self._seen: set[int] = set()
        self.start()

    def start(self) -> None:
        """Start it, for the first time or again."""
        self.server = ServerProcess(
            self.home,
            NAME,
            TMPDIR=str(self.temporary),
            SYFT_ISOLATION=self.level,
            SYFT_WORKERS=str(WORKERS),
            SYFT_DURABILITY="normal",
            SYFT_LOG_LEVEL="ERROR",
        )
        assert not self.server.refused, self.server.refused
        self.family = Family(self.server.process.pid, self.temporary)

    def person(self, mail: str, password: str) -> Person:
        """Somebody with a new key, logged in at the server that runs now."""
        return Person(self.server.route()).log_in(mail, password)

    def kill(self, target: str, rng: random.Random) -> bool:
        """SIGKILL to one such process; whether there was one. A server is started again."""
        self._seen |= {one.pid for one in self.family.all()}
        found = self.family.find(target, self.level)
        if not found:
            return False
        if target == "server":
            self.die()
            self.start()
            return True
        with suppress(psutil.NoSuchProcess):
            rng.choice(found).kill()
        return True

    def die(self) -> None:
        """SIGKILL to the server; nothing of it may be left then, and nobody cleans up after it."""
        family = self.family.all()
        self._seen |= {one.pid for one in family}
        self.server.kill()
        left = wait_until(lambda: not any(map(alive, family)), 20)
        assert left, [one for one in family if alive(one)]

    def is_idle(self, admin: Person) -> bool:
        """Whether the fence is up, no job waits or runs, and no process is there that does not stand."""
        if not admin.route.describe().isolation or open_jobs(admin):
            return False
        processes = {one.pid for one in self.family.all() if alive(one)}
        self._seen |= processes
        standing = 3 if self.level == "namespaces" else 2
        return len(processes) == standing and bool(self.family.find("zygote", self.level))

    def leftovers(self) -> list[str]:
        """Files that nobody needs while the server is idle; at most one, empty directory of the sandbox's."""
        found = [str(path) for path in self.temporary.rglob("*") if path.parent != self.temporary]
        own = list(self.temporary.iterdir())
        found += [str(path) for path in own if not path.name.startswith("syft-runs-")]
        found += [str(path) for path in own[1:]]
        incoming = self.home / NAME / "blobs" / "incoming"
        found += [str(path) for path in incoming.iterdir()]
        found += [str(path) for path in (self.home / NAME).glob(".*")]
        return found + self.left_elsewhere()

    def left_elsewhere(self) -> list[str]:
        """Mounts, and marks of the fence's self-test, which leaves them outside of any folder of ours."""
        with open("/proc/mounts") as mounts:
            found = [line for line in mounts if str(self.temporary) in line]
        places = [Path(place) for place in ("/tmp", "/dev/shm")]
        marks = (mark for place in places for pid in self._seen for mark in place.glob(f"syft-act-{pid}-*"))
        return found + [str(mark) for mark in marks]


def open_jobs(admin: Person) -> list[JobView]:
    """Jobs that have not ended, launched ones too, of the latest few hundred."""
    total = admin.say(ListJobs(limit=1), JobsReply).total
    listed, offset = [], max(0, total - 300)
    while offset < total:
        page = admin.say(ListJobs(offset=offset), JobsReply).jobs
        listed += page
        offset += len(page)
    return [job for job in listed if job.ended_at is None]


class Load:
    """People who call functions all the time, and remember every job that the server has acknowledged."""

    def __init__(self, place: Place, seed: int) -> None:
        self._place = place
        self._rng = random.Random(seed)
        self._going = threading.Event()
        self._closed = False
        self._lock = threading.Lock()
        self._names: list[tuple[str, str]] = []
        self._rounds = 0
        self.busy = 0
        self.acknowledged: dict[UID, tuple[str, str]] = {}  # by job: what was called, with which tag
        self.errors: list[BaseException] = []
        self._threads = [threading.Thread(target=self._live, daemon=True) for _ in range(CLIENTS)]
        admin = place.person(*ROOT)
        account = users.CreateUser(MAIL, "s", admin.sealed(PASSWORD), mock_execution=True)
        admin.say(account, users.UserReply)
        self._data = admin.upload("data", PRIVATE, {"x": 0}).dataset.assets[0].object_uid
        self.renew()
        for thread in self._threads:
            thread.start()

    def renew(self) -> None:
        """Have the functions approved anew: an approval ends after some failures, and a kill is one."""
        admin, scientist = self._place.person(*ROOT), self._place.person(MAIL, PASSWORD)
        self._rounds += 1
        part = f"part_{self._rounds}"
        body = "".join(f"    {line}\n" for line in _PART.splitlines())
        parameters = (Parameter(name="tag"), Parameter(name="filling"))
        scientist.submit(function(f"def {part}(tag, filling):\n{body}", part, parameters=parameters))
        names = []
        for kind, text in {**GOOD, **BAD}.items():
            name = f"{kind}_{self._rounds}"
            lines = "".join(f"    {line}\n" for line in text.replace("PART", part).splitlines())
            nested = (part,) if kind == "parts" else ()
            takes = "data, tag" + (", datasite" if nested else "")
            submission = function(
                f"def {name}({takes}):\n{lines}",
                name,
                {"data": self._data},
                limit=100_000,
                nested=nested,
                uses_datasite=bool(nested),
                parameters=(Parameter(name="data"), Parameter(name="tag")),
            )
            policy = InputPolicy(kind="mixed", rules={"data": MustBe(self._data), "tag": OfType("str")})
            submission = msgspec.structs.replace(submission, input_policy=policy)
            admin.approve(scientist.request(submission))
            names.append((kind, name))
        with self._lock:
            self._names = names

    @contextmanager
    def running(self) -> Iterator[None]:
        """While the block lasts, there is load; afterwards every client has seen its last job end."""
        self._going.set()
        try:
            yield
        finally:
            self._going.clear()

    def wait(self) -> None:
        """Wait until the load has run dry."""
        assert wait_until(lambda: self.busy == 0), f"{self.busy} clients still wait for a job"
        if self.errors:
            raise self.errors[0]

    def close(self) -> None:
        self._closed = True
        self._going.set()
        for thread in self._threads:
            thread.join(30)

    def _live(self) -> None:
        person: Person | None = None
        server: ServerProcess | None = None
        while True:
            self._going.wait()
            if self._closed:
                return
            with self._lock:
                self.busy += 1
            try:
                if person is None or server is not self._place.server:
                    server = self._place.server
                    person = self._place.person(MAIL, PASSWORD)
                self._call(person)
            except NodeUnreachable:
                person = None
                time.sleep(0.05)
            except BaseException as error:
                self.errors.append(error)
                return
            finally:
                with self._lock:
                    self.busy -= 1

    def _call(self, person: Person) -> None:
        """Call something, and wait for its end, or until the server is gone."""
        with self._lock:
            kind, name = self._rng.choice(self._names)
            tag = f"{self._rng.random()} "
            private = kind in GOOD and self._rng.random() < 0.5
            # More than rests in a record, so that it becomes a file for as long as the job needs it.
            tag += "x" * self._rng.choice([0, 200_000])
        arguments: dict[str, Argument] = {"tag": ValueArgument(value=encode(tag).to_bytes())}
        arguments["data"] = on(self._data) if private else ValueArgument(value=encode(PRIVATE).to_bytes())
        job = person.call(name, wait_s=0, **arguments)
        self.acknowledged[job.uid] = kind, tag
        while job.ended_at is None:
            job = person.say(GetJob(job.uid, wait_s=2), JobReply).job
