"""This module watches one run from the server: reads what it says, keeps its limits, tells how it ended."""

from __future__ import annotations

import codecs
import contextlib
import math
import os
import select
import socket
import time
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import BinaryIO, Final

from syft.errors import InvalidInput
from syft.model.limits import MIB, bytes_text
from syft.sandbox import scratch
from syft.sandbox.channel import Collect, Failed, Place, Progress, Result, Start, Started, message_frame
from syft.sandbox.contract import Execution, FileInput, Host, Input, Outcome, Stream
from syft.sandbox.incoming import ChannelError, Complete, Event, Incoming, Launched, ResultSizeError
from syft.sandbox.launches import Launches
from syft.sandbox.levels import START_S
from syft.sandbox.lifeline import GRACE_S, Lifeline
from syft.sandbox.limits import Usage
from syft.sandbox.verdict import CLOSED_CHANNEL, Evidence, cpu_text, limit_text, outcome

# Nobody reads so much: a run that prints more is stopped, since reading it costs the server time.
FLOOD_BYTES: Final = 64 * MIB
PROGRESS_EVERY_S: Final = 0.1
CHECK_EVERY_S: Final = 0.1
# A process that is ending closes its channel some milliseconds before it is gone.
SILENT_S: Final = 1.0
_RECEIVE_BYTES: Final = 256 << 10
# More cannot lie in a socket or pipe that nobody fills any more; descendants that are being ended might.
_LEFTOVER_BYTES: Final = 4 * MIB


class Printed:
    """One stream of printed text, of which the beginning is kept.

    Args:
        limit_bytes: how much is kept.
    """

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self._kept = bytearray()
        # What is passed on as it comes is cut anywhere, also within a character.
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self.total = 0

    def add(self, data: bytes) -> str:
        """Take in what has been printed next.

        Returns:
            What of it is kept, as far as its characters are whole.
        """
        self.total += len(data)
        kept = data[: self._limit_bytes - len(self._kept)]
        self._kept += kept
        return self._decoder.decode(kept)

    def text(self) -> str:
        """What was kept, with a note if that is not all."""
        text = self._kept.decode("utf-8", "replace")
        if self.total > len(self._kept):
            text += f"\n[cut: {bytes_text(len(self._kept))} of {bytes_text(self.total)} are kept]\n"
        return text


class Supervisor:
    """The server's side of one run. Belongs to one thread.

    Args:
        execution: what to run.
        result: receives the encoded result.
        host: answers what the code asks.
        lifeline: what other threads know and do about the run.
    Raises:
        InvalidInput: an input file cannot be opened.
    """

    def __init__(self, execution: Execution, result: BinaryIO, host: Host | None, lifeline: Lifeline) -> None:
        self._execution = execution
        self._result = result
        self._host = host
        self._lifeline = lifeline
        self._evidence = Evidence()
        self._stack = contextlib.ExitStack()
        self._theirs: list[int] = []
        self._stack.callback(self.close_theirs)
        try:
            self._open()
        except OSError as error:
            self._stack.close()
            raise InvalidInput(f"an input cannot be opened: {error.strerror}", str(error)) from error
        limits = execution.limits
        self._incoming = Incoming(result_bytes=limits.output_bytes)
        self._printed = {one: Printed(limits.printed_bytes) for one in (self._stdout, self._stderr)}
        self._names: dict[int, Stream] = {self._stdout: "stdout", self._stderr: "stderr"}
        self._launches = Launches(host, execution.links, lifeline.wake)
        self._sending: Iterator[bytes | memoryview] | None = iter([self._start_frame()])
        self._unsent = memoryview(b"")
        self._progress: Progress | None = None
        self._progress_due = 0.0
        self._begun = 0.0
        self._start_s = 0.0
        self._deadline = math.inf
        self._check_due = time.monotonic() + CHECK_EVERY_S
        self._silent = False  # nothing more is read from the channel
        self._silent_until = math.inf
        self._open_streams = {self._stdout, self._stderr}
        self._received = memoryview(bytearray(_RECEIVE_BYTES))

    def _open(self) -> None:
        """Make the pipes and the channel, and open the inputs anew: a shared one would share its position."""
        self._stdout = self._pipe()
        self._stderr = self._pipe()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        self._channel = self._stack.enter_context(ours)
        self._channel.setblocking(False)
        self._theirs.append(theirs.detach())
        self._files: dict[Path, int] = {}  # its number among the descriptors of inputs
        for one in (*self._execution.inputs.values(), *self._execution.references):
            if isinstance(one, FileInput) and one.path not in self._files:
                self._files[one.path] = len(self._files)
                self._theirs.append(os.open(one.path, os.O_RDONLY | os.O_CLOEXEC))

    def _pipe(self) -> int:
        ours, theirs = os.pipe()
        self._stack.callback(os.close, ours)
        self._theirs.append(theirs)
        os.set_blocking(ours, False)
        return ours

    def _start_frame(self) -> bytes:
        return message_frame(
            Start(
                source=self._execution.source,
                entry=self._execution.entry,
                inputs={name: self._place(one) for name, one in self._execution.inputs.items()},
                references=[self._place(one) for one in self._execution.references],
                links=sorted(self._execution.links),
                datasite_parameter=self._execution.datasite_parameter,
                result_bytes=self._execution.limits.output_bytes,
            )
        )

    def _place(self, one: Input) -> bytes | Place:
        if isinstance(one, FileInput):
            return Place(self._files[one.path], one.offset, one.size)
        return one.data

    @property
    def descriptors(self) -> tuple[int, ...]:
        """What goes to the zygote: stdout, stderr, the run's end of the channel, the input files."""
        return tuple(self._theirs)

    def close_theirs(self) -> None:
        """Close our copies of what the run has; the end of a stream cannot be seen until then."""
        while self._theirs:
            os.close(self._theirs.pop())

    def close(self) -> None:
        """Close everything. May be called twice."""
        self._stack.close()

    def supervise(self, directory: Path, error_names: Collection[str], level: str) -> Outcome:
        """Watch the run until its outcome is known, and have it killed.

        Args:
            directory: its scratch directory.
            error_names: names of exception classes that exist without the stranger's code.
            level: isolation it runs under.
        Raises:
            OSError: the result could not be written.
        """
        self._begun = time.monotonic()
        self._start_s = START_S.get(level, 0.0)
        self._deadline = self._begun + (self._start_s or self._execution.limits.wall_s)
        try:
            self._watch(directory)
            self._read_leftovers()
            self._tell_progress(math.inf)
            self._account()
        finally:
            killed = self._lifeline.answer()
        self._evidence.killed = killed
        self._evidence.lost = self._lifeline.lost
        self._evidence.ended = self._lifeline.ended
        self._evidence.stdout, self._evidence.stderr = (one.text() for one in self._printed.values())
        return outcome(self._execution, self._evidence, error_names, level)

    def _watch(self, directory: Path) -> None:
        """Deal with what happens until it is over, or the process does not die of what it should die of."""
        give_up = math.inf
        while not self._over():
            now = time.monotonic()
            if now >= give_up:
                return
            if self._lifeline.killed is not None:
                give_up = min(give_up, now + GRACE_S)
            elif now >= self._deadline and self._start_s and not self._evidence.started:
                self._lifeline.lose(f"the run could not be started within {self._start_s:g} s")
            elif now >= self._deadline:
                self._lifeline.kill(f"wall-clock limit {self._execution.limits.wall_s:g} s exceeded")
            elif now >= self._silent_until:
                self._lifeline.kill(CLOSED_CHANNEL)
            self._check_use(directory, now)
            self._tell_progress(now)
            killed = self._lifeline.killed is not None
            due = min(give_up if killed else min(self._deadline, self._silent_until), self._check_due)
            self._step(max(0.0, due - now))

    def _over(self) -> bool:
        return self._final or self._lifeline.ended is not None or self._lifeline.lost is not None

    @property
    def _final(self) -> bool:
        """Whether the run has said its last word."""
        return self._evidence.complete or self._evidence.failed is not None

    def _step(self, wait_s: float) -> None:
        """Wait for something to happen, and deal with it."""
        poll = select.poll()
        poll.register(self._lifeline.wake_descriptor, select.POLLIN)
        for descriptor in self._open_streams:
            poll.register(descriptor, select.POLLIN)
        self._next_to_send()
        listening = not (self._silent or self._launches.busy)
        interest = (select.POLLIN if listening else 0) | (select.POLLOUT if self._unsent else 0)
        if interest:
            poll.register(self._channel, interest)
        # Rounded up, so that what was waited for is due afterwards.
        for descriptor, happened in poll.poll(math.ceil(wait_s * 1000)):
            if descriptor == self._lifeline.wake_descriptor:
                os.eventfd_read(descriptor)
            elif descriptor in self._printed:
                self._read_printed(descriptor)
            else:
                if happened & select.POLLOUT:
                    self._send()
                if listening and happened & ~select.POLLOUT:
                    self._receive()

    def _read_printed(self, descriptor: int) -> bool:
        """Take in printed text that is there; False if there is none now, or no more at all."""
        try:
            data = os.read(descriptor, _RECEIVE_BYTES)
        except BlockingIOError:
            return False
        if not data:
            self._open_streams.discard(descriptor)
            return False
        kept = self._printed[descriptor].add(data)
        if kept and self._host is not None:
            self._host.printed(self._names[descriptor], kept)
        if sum(one.total for one in self._printed.values()) > FLOOD_BYTES:
            self._lifeline.kill(f"printed more than {bytes_text(FLOOD_BYTES)}")
        return True

    def _receive(self) -> bool:
        """Take in what the run has sent; False if there is nothing now, or no more at all."""
        try:
            count = self._channel.recv_into(self._received)
        except BlockingIOError:
            return False
        except ConnectionResetError:  # it went without reading all that it was sent
            count = 0
        if not count:
            self._silent_until = time.monotonic() + SILENT_S
            self._silent = True
            return False
        try:
            for event in self._incoming.feed(self._received[:count]):
                self._take(event)
        except ResultSizeError:
            self._lifeline.kill(limit_text("result_bytes", self._execution.limits))
            self._silent = True
        except ChannelError:
            self._lifeline.kill("the code disturbed its channel to the node")
            self._silent = True
        return not self._silent

    def _take(self, event: Event) -> None:
        evidence = self._evidence
        if self._final:
            raise ChannelError("a word after the last")
        match event:
            case memoryview():
                evidence.result_size += len(event)
                _write(self._result, event)
            case Launched():
                if not self._launches.launch(event):
                    raise ChannelError("a launch that is not the next")
            case Collect():
                if not self._launches.collect(event):
                    raise ChannelError("the result of a launch that was not made")
            case Progress():
                self._progress = event
            case Started():
                self._begin()
            case Result():
                evidence.result = event
            case Complete():
                evidence.complete = True
            case Failed():
                evidence.failed = event

    def _begin(self) -> None:
        """Note that the stranger's code is next. The code itself may say so again; only the first time is true."""
        if self._start_s and not self._evidence.started:
            self._lifeline.begin()
            self._begun = time.monotonic()
            self._deadline = self._begun + self._execution.limits.wall_s
        self._evidence.started = True

    def _next_to_send(self) -> None:
        """Have something to send, if there is anything."""
        while not self._unsent:
            if self._sending is None:
                self._sending = self._launches.take_answer()
            if self._sending is None:
                return
            piece = next(self._sending, None)
            if piece is None:
                self._sending = None
            else:
                self._unsent = memoryview(piece)

    def _send(self) -> None:
        try:
            count = self._channel.send(self._unsent)
        except BlockingIOError:
            return
        except (BrokenPipeError, ConnectionResetError):
            count = len(self._unsent)  # nobody listens; how it ended will be told
        self._unsent = self._unsent[count:]

    def _check_use(self, directory: Path, now: float) -> None:
        """Stop a run that has used more than its share; between two looks it may."""
        if now < self._check_due:
            return
        limits = self._execution.limits
        # The kernel's own limit on processor time counts in whole seconds, and by ticks that a busy machine blurs.
        if self._lifeline.cpu_s() >= limits.cpu_s:
            self._lifeline.kill(cpu_text(limits))
        used = scratch.used_bytes(directory)
        if used is None or used > limits.scratch_bytes:
            self._lifeline.kill(limit_text("scratch", limits))
        # Looking may take a tenth of the time at most.
        self._check_due = now + max(CHECK_EVERY_S, 10 * (time.monotonic() - now))

    def _tell_progress(self, now: float) -> None:
        if self._progress is not None and self._host is not None and now >= self._progress_due:
            self._host.progress(self._progress.current, self._progress.total)
            self._progress = None
            self._progress_due = now + PROGRESS_EVERY_S

    def _read_leftovers(self) -> None:
        """Read what lies in the channel and the pipes, but not what is still being added for ever."""
        for _ in range(_LEFTOVER_BYTES // _RECEIVE_BYTES):
            if self._final or self._silent or not self._receive():
                break
        for descriptor in self._printed:
            for _ in range(_LEFTOVER_BYTES // _RECEIVE_BYTES):
                if not self._read_printed(descriptor):
                    break

    def _account(self) -> None:
        """Note what was used."""
        ended = self._lifeline.ended
        if ended is not None:
            cpu_s, max_rss_bytes = ended.cpu_s, ended.max_rss_bytes
        else:
            cpu_s, max_rss_bytes = self._lifeline.used() if self._final else (0.0, 0)
        self._evidence.usage = Usage(
            wall_s=time.monotonic() - self._begun, cpu_s=cpu_s, max_rss_bytes=max_rss_bytes
        )


def _write(file: BinaryIO, data: memoryview) -> None:
    """Write all of it; a raw file may take less than it is offered, and others do not say."""
    while data:
        count = file.write(data)
        data = data[len(data) if count is None else count :]
