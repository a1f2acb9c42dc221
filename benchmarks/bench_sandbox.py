"""How long the sandbox takes for a run that does nothing, at each level, and what memory one keeps, as JSON.

    python benchmarks/bench_sandbox.py                    every level that this machine allows
    python benchmarks/bench_sandbox.py namespaces         one level; may be several

Also the group `sandbox` of `bench_datasite.py`. `docs/performance.md` explains the figures.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import statistics
import threading
import time
from collections.abc import Iterator, Sequence
from typing import Any

import psutil
from measure import Measure

from syft.errors import InvalidState
from syft.model.uid import UID
from syft.sandbox.levels import GVISOR, LEVELS, NAMESPACES
from syft.sandbox.runner import EmbeddedRunner, Execution, Outcome, Status
from syft.wire import codec

# At level gvisor 200 runs take minutes: only where it is named.
QUICK = tuple(one for one in LEVELS if one != GVISOR)
RUNS = 200
IDLE_RUNS = 4
# CLOCK_MONOTONIC is the same in every process and namespace of ours.
CLOCK = "def f():\n    import time\n    return time.monotonic()\n"
IDLE = "def f():\n    import time\n    time.sleep(60)\n"


def run(runner: EmbeddedRunner, source: str) -> tuple[Outcome, Any]:
    """One run, and what came out of it if it finished."""
    result = io.BytesIO()
    outcome = runner.run(Execution(uid=UID().hex, source=source, entry="f"), result=result)
    value = codec.decode(result.getvalue()) if outcome.status is Status.FINISHED else None
    return outcome, value


def bench_sandbox(levels: Sequence[str] = QUICK) -> Iterator[Measure]:
    """A run that does nothing, beside numpy, pandas and pyarrow imported; how soon the fence stands; an idle run."""
    for level in levels:
        ready = Measure(f"sandbox until its fence has proved itself, {level}", target=None)
        began = time.perf_counter()
        runner = EmbeddedRunner(level=level)
        try:
            runner.wait()
        except InvalidState:
            runner.close()
            continue
        ready.add((time.perf_counter() - began) * 1000)
        try:
            yield ready
            yield _no_op(runner)
            if os.geteuid() == 0:  # nobody else may look at a run's memory
                yield _idle(runner)
        finally:
            runner.close()


def _no_op(runner: EmbeddedRunner) -> Measure:
    level = runner.level
    whole = Measure(f"a run that does nothing, {level}", target=10.0 if level == NAMESPACES else None)
    until_code, until_answer, cpu = [], [], []
    for number in range(RUNS + 20):
        began = time.monotonic()
        outcome, in_code = run(runner, CLOCK)
        ended = time.monotonic()
        if outcome.status is not Status.FINISHED:
            raise SystemExit(f"a run did not finish: {outcome.reason}")
        if number >= 20:
            whole.add((ended - began) * 1000)
            until_code.append((in_code - began) * 1000)
            until_answer.append((ended - in_code) * 1000)
            cpu.append(outcome.usage.cpu_s * 1000)
    whole.notes |= {
        "least": round(min(whole.values), 2),
        "until_its_first_line_ms": round(statistics.median(until_code), 2),
        "from_there_to_the_answer_ms": round(statistics.median(until_answer), 2),
        "cpu_ms_in_the_run": round(statistics.median(cpu), 2),
        "cpu_ms_in_the_run_least": round(min(cpu), 2),
    }
    return whole


def _idle(runner: EmbeddedRunner) -> Measure:
    """Memory that is a waiting run's alone, looked at from outside."""
    measure = Measure(f"memory of a run that waits, its own, {runner.level}", target=5.0, unit="MiB")
    us = psutil.Process()
    before = {one.pid for one in us.children(recursive=True)}
    threads = [threading.Thread(target=run, args=(runner, IDLE)) for _ in range(IDLE_RUNS)]
    for thread in threads:
        thread.start()
    time.sleep(1)
    shared = []
    for one in us.children(recursive=True):
        if one.pid not in before:
            fields = _smaps(one.pid)
            measure.add(fields["Private_Dirty"] / 1024)
            shared.append(fields["Pss"] / 1024)
    runner.close()
    for thread in threads:
        thread.join()
    if len(measure.values) != IDLE_RUNS:
        raise SystemExit(f"{len(measure.values)} processes where {IDLE_RUNS} runs wait")
    measure.notes["with_its_share_of_what_is_shared_mib"] = round(statistics.median(shared), 1)
    return measure


def _smaps(pid: int) -> dict[str, int]:
    """What the kernel says of a process's memory, in KiB."""
    with open(f"/proc/{pid}/smaps_rollup") as file:
        next(file)
        return {name: int(rest.split()[0]) for name, rest in (line.split(":", 1) for line in file)}


def main() -> None:
    """Run it and print it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("level", nargs="*", help=", ".join(LEVELS))
    levels = parser.parse_args().level or QUICK
    print(json.dumps({"measures": [one.report() for one in bench_sandbox(levels)]}, indent=1))


if __name__ == "__main__":
    main()
