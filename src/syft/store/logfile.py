"""This module is the log as a file that anybody can check: written, and read as the hostile bytes that it may be.

A file is JSON Lines in UTF-8. The first line names format and node, then comes an entry a line, and the last line is
the signed end. Each line has its keys sorted and no spaces, so that there is one way to write it, and every other way
is a change. `docs/audit.md` has it for those who check it with a program of their own.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO, Final, TypeVar

import msgspec

from syft.errors import InvalidInput, StorageError
from syft.model.event import ChainedEvent, ChainHead, Checkpoint
from syft.model.uid import UID
from syft.store.chain import End, check_chain, check_end

FORMAT: Final = "syft audit log 1"
CHECKPOINT_FORMAT: Final = "syft audit checkpoint 1"
# An entry takes some 700 bytes, and holds names that people chose, which messages bound.
_MAX_LINE: Final = 16 * 1024 * 1024
# A checkpoint takes some 350 bytes; a file of one an hour for a century, 300 MB.
_MAX_CHECKPOINTS: Final = 1_000_000


class _First(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The first line of a log."""

    format: str
    node: str


class _Last(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The last line of a log."""

    end: ChainHead


class _Kept(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A line of a file of checkpoints."""

    checkpoint: Checkpoint
    format: str


L = TypeVar("L", bound=msgspec.Struct)


def _plain(value: Any) -> str:
    if isinstance(value, UID):
        return value.hex
    raise NotImplementedError(f"{type(value).__name__} has no place in a log")


def _uid(kind: type, value: Any) -> UID:
    return UID.from_string(value)


_encoder: Final = msgspec.json.Encoder(order="sorted", enc_hook=_plain)
_entries: Final = msgspec.json.Decoder(ChainedEvent, dec_hook=_uid)
_firsts: Final = msgspec.json.Decoder(_First)
_lasts: Final = msgspec.json.Decoder(_Last)
_checkpoints: Final = msgspec.json.Decoder(_Kept)
# How the last line begins, and no entry does: its keys are sorted.
_LAST_BEGINS: Final = b'{"end":'


def write_log(path: Path, verify_key: bytes, entries: Iterable[ChainedEvent], head: ChainHead) -> int:
    """Write a log to a new file that only its owner reads.

    Args:
        path: of the file. There must be none: an earlier export is evidence.
        verify_key: the node's 32 public bytes.
        entries: from the first on; taken one at a time.
        head: the signed end.
    Returns:
        How many entries were written.
    Raises:
        InvalidInput: there is such a file.
        OSError: the disk refuses. No half of a log stays behind then, nor where taking an entry raises.
    """
    try:
        # Who did what with whom: for nobody else on this machine.
        made = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        raise InvalidInput(f"There is a file {path} already. Choose another name, or move it.") from None
    number = 0
    try:
        with open(made, "wb") as file:
            file.write(_line(_First(FORMAT, verify_key.hex())))
            for entry in entries:
                file.write(_line(entry))
                number += 1
            file.write(_line(_Last(head)))
    except BaseException:
        with suppress(OSError):
            path.unlink()
        raise
    return number


def check_log_file(file: BinaryIO, verify_key: bytes, checkpoints: Sequence[Checkpoint] = ()) -> End:
    """Where a log ends that is whole, as its node wrote it, and has what the checkpoints say it had.

    Args:
        file: from its beginning; read once, a line at a time.
        verify_key: the node's 32 public bytes, from a source that is trusted.
        checkpoints: kept from earlier, each signed by the node (`check_checkpoint`).
    Raises:
        StorageError: names the first entry with which something is wrong, and says what.
    """
    lines = _LogLines(file, verify_key)
    end = check_chain(lines.entries(), verify_key, checkpoints=checkpoints)
    assert lines.head is not None
    check_end(end, lines.head, verify_key)
    return end


class _LogLines:
    """Reads a log a line at a time.

    Args:
        file: from its beginning.
        verify_key: of the node whose log it is to be.
    """

    def __init__(self, file: BinaryIO, verify_key: bytes) -> None:
        self._file = file
        self._verify_key = verify_key
        self.head: ChainHead | None = None

    def entries(self) -> Iterator[ChainedEvent]:
        """The entries; when all are taken, `head` is the end.

        Raises:
            StorageError: a line is not as a node writes it; something is missing, or comes after the end.
        """
        first = _read(_firsts, self._next_line("its first line"), "its first line")
        if first.format != FORMAT:
            raise StorageError(f"This log is of a format that is not known here: '{first.format[:100]}'.")
        if first.node != self._verify_key.hex():
            raise StorageError(
                f"This log is of the node with the key {first.node[:64]}, not of the one whose key was given."
            )
        number = 0
        while True:
            number += 1
            line = self._next_line(f"entry {number}")
            if line.startswith(_LAST_BEGINS):
                break
            yield _read(_entries, line, f"entry {number}")
        self.head = _read(_lasts, line, "its end").end
        if self._file.read(1):
            raise StorageError("The log is damaged: there is something after its signed end.")

    def _next_line(self, what: str) -> bytes:
        line = self._file.readline(_MAX_LINE)
        if not line.endswith(b"\n"):
            text = "it is cut off or too long" if line else "it is missing, and so is the signed end"
            raise StorageError(f"The log is damaged at {what}: {text}.")
        return line


def _read(decoder: msgspec.json.Decoder[L], line: bytes, what: str) -> L:
    """What a line says, if it is written as a node writes it.

    Raises:
        StorageError: it is not.
    """
    try:
        found = decoder.decode(line)
        again = _line(found)
    except (msgspec.MsgspecError, ValueError, TypeError, OverflowError, RecursionError):
        raise StorageError(f"The log is damaged at {what}: it cannot be read.") from None
    if again != line:
        # Other words for the same are not what was exported: nothing in a file is nobody's to answer for.
        raise StorageError(f"The log is damaged at {what}: it is not written as a node writes it.")
    return found


def checkpoint_line(checkpoint: Checkpoint) -> bytes:
    """A checkpoint as a line of a file, its end included."""
    return _line(_Kept(checkpoint, CHECKPOINT_FORMAT))


def read_checkpoints(path: Path) -> list[Checkpoint]:
    """The checkpoints in a file, one a line, as `checkpoint_line` writes them.

    Raises:
        InvalidInput: there are none in it, or something else is.
        OSError: it cannot be read.
    """
    found: list[Checkpoint] = []
    with path.open("rb") as file:
        while line := file.readline(4096):
            try:
                kept = _checkpoints.decode(line)
            except (msgspec.MsgspecError, ValueError, TypeError, OverflowError, RecursionError):
                kept = None
            if kept is None or kept.format != CHECKPOINT_FORMAT or kept.checkpoint.at.tzinfo is None:
                raise InvalidInput(f"Line {len(found) + 1} of {path} is no checkpoint.")
            if len(found) >= _MAX_CHECKPOINTS:
                raise InvalidInput(
                    f"{path} has more than {_MAX_CHECKPOINTS:,} checkpoints. Take fewer of them."
                )
            found.append(kept.checkpoint)
    if not found:
        raise InvalidInput(f"There is no checkpoint in {path}.")
    return found


def _line(record: msgspec.Struct) -> bytes:
    return _encoder.encode(record) + b"\n"
