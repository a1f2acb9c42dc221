"""People who call functions in a pool whose workers are elsewhere, and a look at what became of their jobs."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter

from support.people import function, on
from support.remote import POOL, RemoteSite
from syft.jobs.machine import MAX_ATTEMPTS, has_ended
from syft.model.code import Parameter
from syft.model.job import Job, JobState, Release
from syft.model.messages.jobs import CallCode, JobReply
from syft.model.object import ObjectRecord
from syft.model.uid import UID
from syft.wire.codec import decode

QUICK = "def {name}(data, datasite):\n    import time; time.sleep(0.05)\n    return [data, {number}]\n"
NESTED = (
    "def {name}(data, datasite):\n"
    "    jobs = [datasite.launch_job(part, x=n) for n in range(4)]\n"
    "    return [data, {number} + sum(job.result for job in jobs)]\n"
)
PART = "def part(x):\n    import time; time.sleep(0.02)\n    return 0 * x\n"


class Load:
    """A person who calls approved functions all the time, and remembers every job that was acknowledged."""

    def __init__(self, place: RemoteSite, seed: int) -> None:
        self._seed = seed
        self._place = place
        self._person = place.scientist()
        self._data = place.admin.upload("data", 7, 0).dataset.assets[0].object_uid
        self._person.submit(function(PART, "part", parameters=(Parameter(name="x"),), pool=POOL))
        self.functions = [self._approved(number) for number in range(6)]
        self.acknowledged: dict[UID, int] = {}
        self.over = threading.Event()
        self.error: BaseException | None = None
        self._thread = threading.Thread(target=self._live, daemon=True)
        self._thread.start()

    def _approved(self, number: int) -> str:
        name = f"f{number}"
        text = (NESTED if number % 2 else QUICK).format(name=name, number=number)
        submission = function(
            text,
            name,
            {"data": self._data},
            limit=100_000,
            nested=("part",) if number % 2 else (),
            uses_datasite=True,
            pool=POOL,
        )
        self._place.admin.approve(self._person.request(submission))
        return name

    def _live(self) -> None:
        rng = random.Random(self._seed)
        try:
            while not self.over.is_set():
                number = rng.randrange(len(self.functions))
                call = CallCode({"data": on(self._data)}, None, self.functions[number], 0)
                job = self._person.say(call, JobReply).job
                self.acknowledged[job.uid] = number
                # So many wait at once that there is always one to take, and few enough that they end.
                while not self.over.is_set() and self.open() > 12:
                    time.sleep(0.02)
        except BaseException as error:
            self.error = error

    def open(self) -> int:
        with self._place.site.store.reading() as reader:
            jobs = reader.select(Job, parent_uid=None)
        return sum(not has_ended(job) for job in jobs)

    def close(self) -> None:
        self.over.set()
        self._thread.join(20)
        if self.error is not None:
            raise self.error


def states(place: RemoteSite) -> dict[str, int]:
    with place.site.store.reading() as reader:
        jobs = reader.select(Job, parent_uid=None)
    return dict(Counter(job.state.value for job in jobs))


def check(place: RemoteSite, load: Load) -> None:
    """The records of all jobs together."""
    with place.site.store.reading() as reader:
        jobs = {job.uid: job for job in reader.select(Job)}
        releases = Counter(release.job_uid for release in reader.select(Release))
        results = {record.uid: record for record in reader.select(ObjectRecord)}
    released = 0
    for uid, number in load.acknowledged.items():
        job = jobs[uid]
        assert has_ended(job), (job.state, job.note)
        assert 1 <= job.attempt <= MAX_ATTEMPTS
        assert releases[uid] == (job.state is JobState.RELEASED), (job.state, job.note)
        if job.state is not JobState.RELEASED:
            # Lost as often as a job may be; or the kernel has killed it as for want of memory, or what it has
            # launched, of which its parent hears.
            told = ("memory", "JobFailed on line 3")
            assert job.attempt == MAX_ATTEMPTS or any(one in job.note for one in told), job.note
            continue
        released += 1
        assert job.result_uid is not None
        value = results[job.result_uid].private
        assert value is not None
        assert value.inline is not None
        assert decode(value.inline) == [7, number], "of this very function"
    assert released > len(load.acknowledged) / 2
    assert set(releases) <= set(load.acknowledged)
