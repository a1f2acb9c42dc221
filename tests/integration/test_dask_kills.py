"""Whatever of a Dask cluster is killed at whatever moment, no job is lost and none is released twice.

Each round kills one part of a cluster under load: a worker, its nanny, the scheduler, or the node's own process on the
way there; in the second test the server, with a cluster of its own. `SYFT_TEST_DASK_KILLS=300` makes more of it,
`SYFT_TEST_SEED` repeats one.
"""

from __future__ import annotations

import os
import random
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from support.grid import Cluster, launch_grid
from support.people import ROOT, Person, function, on
from support.remote import POOL, RemoteSite, wait_until
from support.remote_load import Load, check, states
from support.servers import ServerProcess
from support.sites import opened
from syft.errors import NodeUnreachable
from syft.jobs.machine import MAX_ATTEMPTS
from syft.model.job import ENDED, Job, JobState, Release
from syft.model.messages import users
from syft.model.messages.jobs import CallCode, GetJob, JobReply
from syft.model.pool import Dask
from syft.model.uid import UID

pytest.importorskip("distributed")
KILLS = int(os.environ.get("SYFT_TEST_DASK_KILLS", "6"))
SEED = int(os.environ.get("SYFT_TEST_SEED", "0")) or random.SystemRandom().randrange(1, 1 << 32)
LEVEL = "landlock"
TARGETS = ("worker", "worker", "nanny", "scheduler", "engine")
PASSWORD = "correct horse battery"


@pytest.fixture
def folder() -> Iterator[Path]:
    """Not pytest's own, since runs with users of their own must get through to it."""
    with tempfile.TemporaryDirectory(prefix="dask-", dir="/tmp") as made:
        Path(made).chmod(0o711)
        yield Path(made)


def kill(cluster: Cluster, target: str, rng: random.Random) -> bool:
    which = rng.randrange(len(cluster.workers))
    if target == "worker":
        return cluster.kill_worker(which)
    if target == "nanny":
        cluster.kill_nanny(which)
    elif target == "scheduler":
        cluster.kill_scheduler()
    else:
        for one in psutil.Process().children():
            with suppress(psutil.NoSuchProcess):
                if "syft.cluster.process" in one.cmdline():
                    one.kill()
                    return True
        return False
    return True


@pytest.mark.timeout(300 + 90 * KILLS)
def test_kills_of_a_clusters_parts_lose_no_job_and_release_none_twice(folder: Path) -> None:
    print(f"SYFT_TEST_SEED={SEED}")
    rng = random.Random(SEED)
    killed: Counter[str] = Counter()
    (folder / "dask").mkdir()
    cluster = Cluster(folder / "dask", workers=2, threads=2)
    try:
        with RemoteSite(folder, engine=cluster.engine(), lease_s=3.0, isolation=LEVEL) as place:
            assert wait_until(place.orders.sessions, 120)
            load = Load(place, SEED)
            while killed.total() < KILLS:
                # There is something to lose: a cluster that is just coming back has nothing.
                assert wait_until(lambda: any(one.held for one in place.orders.sessions()), 120)
                time.sleep(rng.uniform(0, 0.5))
                target = rng.choice(TARGETS)
                killed[target] += kill(cluster, target, rng)
            load.close()
            assert wait_until(lambda: load.open() == 0, 180), f"{load.open()} jobs still wait"
            check(place, load)
            print(f"{dict(killed)}, {len(load.acknowledged)} jobs, {states(place)}")
    finally:
        cluster.close()


@pytest.mark.timeout(300 + 90 * KILLS)
def test_kills_of_the_server_lose_no_job_and_release_none_twice(folder: Path) -> None:
    print(f"SYFT_TEST_SEED={SEED}")
    rng = random.Random(SEED)
    home = folder / "home"
    environ = {"SYFT_ISOLATION": LEVEL, "SYFT_DURABILITY": "normal", "SYFT_LOG_LEVEL": "ERROR"}
    server = ServerProcess(home, **environ)
    acknowledged: set[UID] = set()
    try:
        admin = Person(server.route()).log_in(*ROOT)
        launch_grid(admin, Dask(), workers=2, name=POOL)
        admin.say(users.CreateUser("s@site.org", "S", admin.sealed(PASSWORD)), users.UserReply)
        data = admin.upload("seven", 7, 0).dataset.assets[0].object_uid
        person = Person(server.route()).log_in("s@site.org", PASSWORD)
        text = "def f(data):\n    import time; time.sleep(0.2)\n    return data\n"
        admin.approve(person.request(function(text, "f", {"data": data}, limit=100_000, pool=POOL)))
        for _ in range(max(1, KILLS // 3)):
            person = Person(server.route()).log_in("s@site.org", PASSWORD)
            call = CallCode({"data": on(data)}, None, "f", 0)
            with suppress(NodeUnreachable):
                acknowledged |= {person.say(call, JobReply).job.uid for _ in range(12)}
            # Some have ended then, some run, some wait.
            some = rng.choice(sorted(acknowledged))
            while person.say(GetJob(some, wait_s=20), JobReply).job.ended_at is None:
                pass
            time.sleep(rng.uniform(0, 0.5))
            family = psutil.Process(server.process.pid).children(recursive=True)
            server.kill()
            assert wait_until(lambda: not any(map(_alive, family)), 20), "something of it lives on"  # noqa: B023
            server = ServerProcess(home, **environ)
        person = Person(server.route()).log_in("s@site.org", PASSWORD)
        for uid in acknowledged:
            while (job := person.say(GetJob(uid, wait_s=20), JobReply).job).ended_at is None:
                pass
            assert job.state in ENDED
    finally:
        server.close()
    with opened(home, start=False) as node, node.open().store.reading() as reader:
        jobs = {job.uid: job for job in reader.select(Job)}
        releases = Counter(release.job_uid for release in reader.select(Release))
    assert acknowledged <= set(jobs)
    for uid in acknowledged:
        job = jobs[uid]
        assert 1 <= job.attempt <= MAX_ATTEMPTS
        assert releases[uid] == (job.state is JobState.RELEASED), (job.state, job.note)
        assert job.state is JobState.RELEASED or job.attempt == MAX_ATTEMPTS, job.note
    assert sum(releases[uid] for uid in acknowledged) > len(acknowledged) / 2


def _alive(process: psutil.Process) -> bool:
    with suppress(psutil.NoSuchProcess):
        return process.status() != psutil.STATUS_ZOMBIE
    return False
