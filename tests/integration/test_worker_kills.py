"""Whatever worker is killed at whatever moment, no job is lost and none is released twice.

Each round kills one to three of a site's worker processes under load, or one of their runs or sandboxes, and starts
the workers again. `SYFT_TEST_WORKER_KILLS=300` makes more of it, `SYFT_TEST_SEED` repeats one.
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

from support.remote import RemoteSite, WorkerProcess, wait_until
from support.remote_load import Load, check, states

KILLS = int(os.environ.get("SYFT_TEST_WORKER_KILLS", "8"))
SEED = int(os.environ.get("SYFT_TEST_SEED", "0")) or random.SystemRandom().randrange(1, 1 << 32)
LEVEL = "landlock"
NAMES = ("w1", "w2")


@pytest.fixture
def folder() -> Iterator[Path]:
    """Not pytest's own, since runs with users of their own must get through to it."""
    with tempfile.TemporaryDirectory(prefix="remote-", dir="/tmp") as made:
        Path(made).chmod(0o711)
        yield Path(made)


def a_victim(worker: WorkerProcess, rng: random.Random) -> psutil.Process | None:
    """The worker itself, or some process below it."""
    with suppress(psutil.NoSuchProcess):
        own = psutil.Process(worker.process.pid)
        return rng.choice([own, *own.children(recursive=True)]) if rng.random() < 0.4 else own
    return None


@pytest.mark.timeout(240 + 60 * KILLS)
def test_kills_of_workers_lose_no_job_and_release_none_twice(folder: Path) -> None:
    print(f"SYFT_TEST_SEED={SEED}")
    rng = random.Random(SEED)
    killed: Counter[str] = Counter()
    with RemoteSite(folder, lease_s=2.0) as place:
        workers = {name: place.worker(name, SYFT_ISOLATION=LEVEL) for name in NAMES}
        load = Load(place, SEED)
        while killed.total() < KILLS:
            time.sleep(rng.uniform(0.05, 1.0))
            name = rng.choice(NAMES)
            victim = a_victim(workers[name], rng)
            if victim is None:
                continue
            is_worker = victim.pid == workers[name].process.pid
            with suppress(psutil.NoSuchProcess):
                victim.kill()
                killed["worker" if is_worker else "below"] += 1
            if is_worker:
                workers[name].process.wait(20)
                workers[name] = place.worker(name, SYFT_ISOLATION=LEVEL, SYFT_WORKER_TOKEN="")
        load.close()
        assert wait_until(lambda: load.open() == 0, 120), f"{load.open()} jobs still wait"
        assert len(load.acknowledged) > KILLS
        check(place, load)
        print(f"{dict(killed)}, {len(load.acknowledged)} jobs, {states(place)}")
