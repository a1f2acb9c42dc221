"""Results that are held outlive the server, and so does what was decided about them."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

from support.held import DATA, approved, held_job, job_of, let_go, read_held, refuse, reviewed, shown
from support.people import on
from support.sites import Cast, again, cast_on, opened
from syft.model.held import HeldState
from syft.model.job import JobState
from syft.model.messages import jobs
from syft.node.node import Node

LARGE = "return {'rows': b'x' * 200_000, 'n': len(data)}"


def back(site: Cast, node: Node) -> Cast:
    """The same people at the node that was opened anew."""
    people: dict[str, Any] = {
        name: again(node, getattr(site, name))
        for name in ("admin", "owner", "other_owner", "scientist", "other_scientist", "guest")
    }
    return Cast(node=node, home=site.home, **people)


def test_what_is_held_is_there_after_a_restart_and_can_be_decided(tmp_path: Path) -> None:
    with opened(tmp_path) as node:
        site = cast_on(node, tmp_path)
        kept, dropped = held_job(site, body=LARGE), held_job(site, body=LARGE + " | {'other': 1}")
    with opened(tmp_path) as node:
        site = back(site, node)
        assert job_of(site.scientist, kept.uid).state is JobState.HELD
        assert shown(site.owner, kept.uid).obstacle == ""
        assert len(read_held(site.owner, kept.uid)["rows"]) == 200_000
        let_go(site.owner, kept.uid, (0,), "rows")
        refuse(site.owner, dropped.uid)
        assert list(site.site.blobs.digests()) == []
    with opened(tmp_path) as node:
        site = back(site, node)
        ended = job_of(site.scientist, kept.uid)
        assert ended.state is JobState.RELEASED
        assert site.scientist.read(ended.result_uid) == {"n": len(DATA)}
        assert shown(site.scientist, kept.uid).state is HeldState.RELEASED
        assert job_of(site.scientist, dropped.uid).state is JobState.WITHHELD


def test_a_held_result_still_counts_after_a_restart(tmp_path: Path) -> None:
    with opened(tmp_path) as node:
        site = cast_on(node, tmp_path)
        data = reviewed(site)
        request = approved(site, data)
        name = request.code.submission.name
        first = site.scientist.call(name, data=on(data))
    with opened(tmp_path) as node:
        site = back(site, node)
        again_called = site.scientist.call(name, data=on(data))
        assert (again_called.uid, again_called.state) == (first.uid, JobState.HELD)


def test_who_waits_for_the_decision_is_woken_by_it(tmp_path: Path) -> None:
    """And who waits for the run's end is not kept until somebody decides."""
    with opened(tmp_path) as node:
        site = cast_on(node, tmp_path)
        job = held_job(site)
        seen = jobs.Standing(job.state, job.current_iter, job.n_iters)
        heard: list[jobs.JobView] = []

        def wait() -> None:
            message = jobs.GetJob(job.uid, wait_s=20, seen=seen)
            heard.append(site.scientist.say(message, jobs.JobReply).job)

        waiting = threading.Thread(target=wait)
        waiting.start()
        assert job_of(site.scientist, job.uid, wait_s=20).state is JobState.HELD
        let_go(site.owner, job.uid)
        waiting.join(timeout=20)
        assert [one.state for one in heard] == [JobState.RELEASED]
