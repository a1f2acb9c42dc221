"""How long a log of 100,000 entries takes to write out and to verify, and in how much memory, as JSON.

    python benchmarks/bench_audit.py [ENTRIES]

`docs/performance.md` explains the figures.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from measure import Measure

from syft.model.event import GENESIS, ChainedEvent, Event
from syft.model.identity import Identity
from syft.model.uid import UID
from syft.store.chain import End, chain, sign_checkpoint, sign_head
from syft.store.logfile import checkpoint_line, write_log
from syft.store.sql import open_store

ENTRIES = 100_000
NODE = Identity.from_seed(bytes(32))
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)


def happened(number: int) -> Event:
    """Such an event as a run has, one of the longer ones."""
    return Event(
        verb="result.released",
        actor_uid=UID.with_seed(str(number % 50)),
        subject_uid=UID.with_seed(f"job {number}"),
        detail={"code": "ab" * 32, "result": f"{number:064x}", "inputs": "cd" * 32},
        message_uid=UID(),
        created_at=BEGIN + timedelta(seconds=number),
    )


def log_of(length: int) -> tuple[list[ChainedEvent], list[bytes]]:
    """The entries, and a checkpoint every thousand of them."""
    entries: list[ChainedEvent] = []
    kept: list[bytes] = []
    previous = GENESIS
    for seq in range(1, length + 1):
        entries.append(chain(seq, previous, happened(seq), NODE.sign))
        previous = entries[-1].hash
        if seq % 1000 == 0:
            kept.append(
                checkpoint_line(sign_checkpoint(NODE.verify_key, End(seq, previous), BEGIN, NODE.sign))
            )
    return entries, kept


def verified(file: Path, *options: str) -> tuple[float, float, float]:
    """What `syft audit verify` takes as a process: seconds, seconds of processors, and the most memory, in MiB.

    The memory is what the kernel says of the process itself: what `getrusage` says begins with its parent's.
    """
    measured = (
        "import sys, time; from syft.cli import main\n"
        "try:\n    main()\n"
        "finally:\n"
        "    peak = next(line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM'))\n"
        "    print(time.process_time(), peak, file=sys.stderr)"
    )
    began = time.perf_counter()
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            measured,
            "audit",
            "verify",
            str(file),
            "--key",
            NODE.verify_key.hex(),
            *options,
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    processors, peak = done.stderr.split()[-2:]
    return time.perf_counter() - began, float(processors), int(peak) / 1024


def bench_log(length: int, folder: Path) -> Iterator[Measure]:
    """A log as a file and as a database; with and without checkpoints."""
    entries, kept = log_of(length)
    checkpoints, file, small = folder / "kept.jsonl", folder / "log.jsonl", folder / "small.jsonl"
    checkpoints.write_bytes(b"".join(kept))
    head = sign_head(length, entries[-1].hash, NODE.sign)
    write = Measure(f"a log of {length:,} entries, to a file", target=None, unit="s")
    began = time.perf_counter()
    write_log(file, NODE.verify_key, entries, head)
    write.add(time.perf_counter() - began)
    write.notes["MiB"] = round(file.stat().st_size / 2**20, 1)
    yield write

    write_log(small, NODE.verify_key, entries[:1000], sign_head(1000, entries[999].hash, NODE.sign))
    one_process = Measure("`syft audit verify` of 1,000 entries: mostly its start", target=None, unit="s")
    *_, base = verified(small)
    one_process.add(*(verified(small)[0] for _ in range(3)))
    yield one_process

    verify = Measure(f"`syft audit verify` of {length:,} entries", target=5.0, unit="s")
    memory = Measure("and the memory it has more than for 1,000", target=50, unit="MiB")
    processors = []
    for _ in range(5):
        took, used, peak = verified(file)
        verify.add(took)
        processors.append(used)
        memory.add(peak - base)
    # On a machine with other work, what it takes is the work's doing; this is its own.
    verify.notes["processor seconds"] = round(min(processors), 2)
    yield verify
    yield memory
    held = Measure(f"with {len(kept)} checkpoints", target=5.0, unit="s")
    held.add(*(verified(file, "--checkpoint", str(checkpoints))[0] for _ in range(3)))
    yield held

    store = open_store(folder / "node", sign=NODE.sign, durability="normal")
    with store.writing(happened(1)) as tx:
        for number in range(2, length + 1):
            tx.also(happened(number))
    store.close()
    database = Measure(f"`syft audit verify` of a database with {length:,} entries", target=None, unit="s")
    database.add(*(verified(folder / "node" / "node.db")[0] for _ in range(3)))
    yield database


def main() -> None:
    """Measure, and print."""
    length = int(sys.argv[1]) if len(sys.argv) > 1 else ENTRIES
    with tempfile.TemporaryDirectory() as folder:
        measures = [one.report() for one in bench_log(length, Path(folder))]
    print(json.dumps({"cpus": os.cpu_count(), "measures": measures}, indent=2))


if __name__ == "__main__":
    main()
