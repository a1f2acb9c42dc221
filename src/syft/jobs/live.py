"""This module holds what runs say while they run: how far they are, and what they have printed so far.

Nothing of it is kept: when a run has ended, its progress and its log are in the store. It decides nothing about who
may know; whoever reads it for somebody asks `access.checks` first.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, Literal, NamedTuple

import msgspec

from syft.model.code import Mode
from syft.model.job import Job
from syft.model.uid import UID
from syft.sandbox.contract import Stream

# What somebody listens to, beside that a job begins or ends.
Subject = Literal["nothing more", "progress", "printed"]

# Characters of printed text, up to four bytes each: of one run, as much of a stream as a log of usual size holds; of
# all runs together, some hundred such logs. What is beyond it is shown when the run has ended, from its stored log.
RUN_MOST: Final = 512 * 1024
ALL_MOST: Final = 16 * 1024 * 1024
_MAX_PROGRESS: Final = 1000


class Said(NamedTuple):
    """What a run has printed so far, or the beginning of it.

    Args:
        attempt: which attempt of its job printed it.
        stdout: the text.
        stderr: likewise.
    """

    attempt: int
    stdout: str
    stderr: str


class _Run:
    """The text of one run, in the pieces in which it came."""

    def __init__(self, attempt: int) -> None:
        self.attempt = attempt
        self.pieces: dict[Stream, list[str]] = {"stdout": [], "stderr": []}
        self.sizes: dict[Stream, int] = {"stdout": 0, "stderr": 0}
        self.full: set[Stream] = set()

    @property
    def size(self) -> int:
        return sum(self.sizes.values())

    def text(self, stream: Stream) -> str:
        pieces = self.pieces[stream]
        if len(pieces) > 1:
            pieces[:] = ["".join(pieces)]  # those who follow ask often
        return pieces[0] if pieces else ""


class Live:
    """What runs say, and who listens. May be used by any number of threads; nothing in it blocks.

    Args:
        run_most: characters of one stream of one run that are held.
        all_most: characters that are held in all.
    """

    def __init__(self, *, run_most: int = RUN_MOST, all_most: int = ALL_MOST) -> None:
        self._run_most = run_most
        self._all_most = all_most
        self._lock = threading.Lock()
        self._runs: dict[UID, _Run] = {}
        self._held = 0
        self._progress: dict[UID, tuple[int, int | None]] = {}
        self._listeners: dict[UID, list[tuple[threading.Event, Subject]]] = defaultdict(list)

    # --- what the runs say

    def begin(self, job: Job) -> None:
        """An attempt of that job begins: what an earlier one has printed is not part of its log."""
        with self._lock:
            self._forget_text(job.uid)
            self._runs[job.uid] = _Run(job.attempt)
            self._wake(job.uid)

    def end(self, uid: UID) -> None:
        """That job's log is in the store now, or it will begin again."""
        with self._lock:
            self._forget_text(uid)
            self._wake(uid)
            # Kept a while: whoever read the job's record a moment ago must not see it fall back to nothing.
            while len(self._progress) > _MAX_PROGRESS:
                self._progress.pop(next(iter(self._progress)))

    def printed(self, uid: UID, stream: Stream, text: str) -> None:
        """A run has printed that. What finds no room is left for the stored log.

        Args:
            uid: of the job.
            stream: where to.
            text: what comes next there.
        """
        with self._lock:
            run = self._runs.get(uid)
            # Once something was left out, what follows would stand in the wrong place.
            if run is None or stream in run.full:
                return
            room = min(self._run_most - run.sizes[stream], self._all_most - self._held)
            if len(text) > room:
                run.full.add(stream)
                text = text[:room]
            run.pieces[stream].append(text)
            run.sizes[stream] += len(text)
            self._held += len(text)
            self._wake(uid, "printed")

    def note_progress(self, job: Job, current: int, total: int | None) -> None:
        """A run says how far it is."""
        with self._lock:
            # Of a private run it only ever grows, under the first total named: tenths that go to and fro spell values.
            before = self._progress.get(job.uid)
            if before is not None and job.mode is Mode.PRIVATE:
                current, total = max(current, before[0]), before[1] if before[1] is not None else total
            self._progress[job.uid] = (current, total)
            self._wake(job.uid, "progress")

    # --- what others know of it

    def progress(self, job: Job) -> Job:
        """The job with its progress as of now."""
        current = self._progress.get(job.uid)
        if current is None:
            return job
        return msgspec.structs.replace(job, current_iter=current[0], n_iters=current[1])

    def said(self, uid: UID) -> Said | None:
        """What that job has printed so far; None of one that does not run: the store has its log, if there is one."""
        with self._lock:
            run = self._runs.get(uid)
            return Said(run.attempt, run.text("stdout"), run.text("stderr")) if run else None

    @contextmanager
    def heard(self, uid: UID, event: threading.Event, subject: Subject = "nothing more") -> Iterator[None]:
        """The block in which an event is set whenever that job begins or ends, and of what it says in between.

        Args:
            uid: of the job.
            event: to set.
            subject: what else to hear of. When it prints is not for those who may not read it: it could spell a value.
        """
        listener = (event, subject)
        with self._lock:
            self._listeners[uid].append(listener)
        try:
            yield
        finally:
            with self._lock:
                self._listeners[uid].remove(listener)
                if not self._listeners[uid]:
                    del self._listeners[uid]

    def _wake(self, uid: UID, subject: Subject | None = None) -> None:
        for event, hears in self._listeners.get(uid, ()):
            if subject in (None, hears):
                event.set()

    def _forget_text(self, uid: UID) -> None:
        run = self._runs.pop(uid, None)
        if run is not None:
            self._held -= run.size
