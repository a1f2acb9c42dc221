"""This module follows a job while it runs: what it prints, as it comes, and a bar of how far it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from syft.client.present import cell, clean
from syft.client.session import Session
from syft.client.waiting import wait_until
from syft.model.messages.jobs import GetJobLog, JobLogReply, JobView
from syft.model.uid import UID

# What is over sooner is over before anybody has read a bar.
SHORT_S: Final = 0.5


@contextmanager
def progress_bar(view: JobView) -> Iterator[Callable[[JobView], None]]:
    """A bar on standard error, once the job's code has said how far it is; told how the job stands.

    Args:
        view: the job, as it stands.
    """
    from tqdm import tqdm

    bar: tqdm[Any] | None = None

    def show(view: JobView) -> None:
        nonlocal bar
        total = view.n_iters
        # The figures are the code's own word: any numbers.
        if total is None or total <= 0:
            return
        if bar is None:
            bar = tqdm(total=total, desc=cell(view.code_name), leave=True)
            bar.start_t -= view.running_s
        bar.total = total
        bar.n = min(max(view.current_iter, 0), total)
        bar.refresh()

    try:
        show(view)
        yield show
    finally:
        if bar is not None:
            bar.close()


class _Lines:
    """Printed text on its way to a person: nothing that cannot be seen, each return a new line.

    Args:
        show: takes what is to be shown next.
    """

    def __init__(self, show: Callable[[str], None]) -> None:
        self._show = show
        self._held = ""
        self.at_start = True

    def add(self, text: str) -> None:
        """Show that."""
        text = self._held + text
        # It may be the first half of a line's end.
        self._held = "\r" if text.endswith("\r") else ""
        self._put(text.removesuffix("\r") if self._held else text)

    def end(self) -> None:
        """Show what was held back, and end the line."""
        self._put(self._held)
        self._held = ""
        if not self.at_start:
            self._put("\n")

    def _put(self, text: str) -> None:
        if text:
            text = clean(text.replace("\r\n", "\n").replace("\r", "\n"))
            self._show(text)
            self.at_start = text.endswith("\n")


def follow_log(
    session: Session, uid: UID, show: Callable[[str], None], *, stdout: bool, stderr: bool
) -> None:
    """Show what a job prints as it comes, until it has ended.

    Args:
        session: of somebody who may see it.
        uid: of the job.
        show: takes what is to be shown next.
        stdout: show what it prints.
        stderr: show what it prints to standard error, and its error.
    """
    lines = _Lines(show)
    had = JobLogReply("", "", "", ended=False)
    after_stdout = after_stderr = 0

    def more(wait_s: float) -> bool | None:
        nonlocal had, after_stdout, after_stderr
        before = had.attempt
        had = session.ask(GetJobLog(uid, after_stdout, after_stderr, before, wait_s), JobLogReply)
        if had.attempt != before:
            after_stdout = after_stderr = 0
            if before:
                lines.end()
                lines.add("[the job was lost with its server or sandbox, and begins again]\n")
        after_stdout += len(had.stdout)
        after_stderr += len(had.stderr)
        if stdout:
            lines.add(had.stdout)
        if stderr:
            lines.add(had.stderr)
        return True if had.ended else None if had.stdout or had.stderr else False

    # First what there is, or that there is nothing to be seen; only then does the node wait for more.
    over = more(0.0)
    if had.withheld:
        lines.add(f"{had.withheld}\n")
    if not over:
        wait_until(more, None)
    lines.end()
    if stderr and had.error:
        lines.add(had.error)
        lines.end()
