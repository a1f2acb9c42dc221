"""Whatever of a server is killed at whatever moment, nothing is left behind and no job's record is lost.

Each round kills one to three parts of a server under load: a run's process, the zygote, the launcher outside of
its namespaces, or the server itself, which is then started again on the same home. `SYFT_TEST_KILLS=300` makes
more of it, `SYFT_TEST_SEED` repeats one.
"""

from __future__ import annotations

import os
import random
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.kills import GOOD, NAME, Load, Place, wait_until
from support.people import ROOT
from support.sites import settings_in
from syft.jobs.machine import MAX_ATTEMPTS, has_ended
from syft.jobs.values import digests_in_use
from syft.model.job import ENDED, Job, JobState, Release
from syft.model.messages.jobs import GetJob, JobReply
from syft.model.object import ObjectRecord
from syft.server.open_node import open_node
from syft.store.chain import check_chain
from syft.wire.codec import decode

KILLS = int(os.environ.get("SYFT_TEST_KILLS", "14"))
SEED = int(os.environ.get("SYFT_TEST_SEED", "0")) or random.SystemRandom().randrange(1, 1 << 32)
TARGETS = ("job", "job", "zygote", "launcher", "server")
# A run that is killed counts as failed, and an approval bears ten of those.
RENEW_EVERY = 6


@pytest.fixture
def folder() -> Iterator[Path]:
    """Not pytest's own, since runs with users of their own must get through to it."""
    with tempfile.TemporaryDirectory(prefix="kills-", dir="/tmp") as made:
        Path(made).chmod(0o711)
        yield Path(made)


@pytest.mark.timeout(600 + 120 * KILLS)
@pytest.mark.parametrize("level", ["namespaces", "landlock"])
def test_kills_at_random_moments_leave_nothing_behind_and_lose_no_job(
    folder: Path, level: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("ERROR", "urllib3")  # a server that is not there is what this is about
    rng = random.Random(SEED)
    print(f"SYFT_TEST_SEED={SEED}")
    place = Place(folder, level)
    killed: Counter[str] = Counter()
    renewed = 0
    try:
        load = Load(place, SEED)
        descriptors = when_idle(place)
        while killed.total() < KILLS:
            if killed["job"] >= renewed + RENEW_EVERY:
                load.renew()
                renewed = killed["job"]
            before = place.server
            with load.running():
                for _ in range(rng.choice([1, 1, 2, 3])):
                    time.sleep(rng.uniform(0.05, 1.5))
                    target = rng.choice(TARGETS)
                    killed[target] += place.kill(target, rng)
            load.wait()
            now = when_idle(place)
            assert place.server is not before or now == descriptors, now - descriptors
            descriptors = now
            check_ended(place, load)
        load.close()
        # And the end that nobody tidies up after.
        place.die()
        wait_until(lambda: not list(place.temporary.iterdir()), 10)
        left = [str(path) for path in place.temporary.rglob("*")]
        assert not left
        check_store(place, load)
    finally:
        place.server.close()
    print(f"{level}: {dict(killed)}, {len(load.acknowledged)} jobs")


def when_idle(place: Place) -> Counter[str]:
    """What an idle server holds open, once it is idle; nothing else is left of what it did."""
    admin = place.person(*ROOT)
    assert wait_until(lambda: place.is_idle(admin)), [one.cmdline() for one in place.family.all()]
    wait_until(lambda: not place.leftovers(), 10)
    assert not place.leftovers()
    # What a moment ago was held for a thread's last act: two looks must agree.
    while True:
        first = place.family.descriptors()
        time.sleep(0.1)
        if first == place.family.descriptors():
            return first


def check_ended(place: Place, load: Load) -> None:
    """Every job that was acknowledged lately has ended; that the earlier ones have was seen before."""
    admin = place.person(*ROOT)
    for uid in list(load.acknowledged)[-60:]:
        job = admin.say(GetJob(uid, wait_s=20), JobReply).job
        assert job.state in ENDED, (job.state, job.note)


def check_store(place: Place, load: Load) -> None:
    """The records of all jobs together, read where they rest."""
    node = open_node(settings_in(place.home), NAME)
    try:
        site = node._site
        with site.store.reading() as reader:
            jobs = {job.uid: job for job in reader.select(Job)}
            releases = Counter(one.job_uid for one in reader.select(Release))
            results = {one.uid: one for one in reader.select(ObjectRecord)}
            events = reader.events()
            check_chain(events, site.identity.verify_key, head=reader.head())
        assert set(load.acknowledged) <= set(jobs)
        assert not [job for job in jobs.values() if not has_ended(job)]
        told = Counter(
            one.event.subject_uid
            for one in events
            if one.event.verb in ("result.released", "mock_result.kept")
        )
        assert set(told.values()) <= {1}
        assert set(releases.values()) <= {1}
        for job in jobs.values():
            assert job.attempt <= MAX_ATTEMPTS
            released = job.state is JobState.RELEASED
            assert told[job.uid] == released
            assert releases[job.uid] == (released and job.request_uid is not None)
            if released:
                kind, tag = load.acknowledged.get(job.uid, ("", ""))
                value = results[job.result_uid].private
                if value.inline is not None and kind:
                    assert kind in GOOD
                    assert decode(value.inline) == [7, tag]
            elif job.uid in load.acknowledged and load.acknowledged[job.uid][0] in GOOD:
                check_reason(job)
        kept = set(site.blobs.digests())
        assert kept <= digests_in_use(site.store)
        values = [value for one in results.values() for value in (one.private, one.mock) if value]
        assert {value.digest for value in values if value.inline is None} <= kept
    finally:
        node.close()


def check_reason(job: Job) -> None:
    """What would have ended well was ended by a kill, and its record says so."""
    assert job.state is JobState.FAILED
    reasons = (
        "killed by the system",
        "The server",
        "The sandbox",
        "was stopped",
        "The launched function",
        "CodeFailed",
        "JobFailed",
    )
    assert any(reason in job.note for reason in reasons), job.note
