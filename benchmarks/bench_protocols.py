"""How long protocols over several sites take, as JSON: workers of one process, and datasites over loopback.

    python benchmarks/bench_protocols.py [--sites 100]

`docs/performance.md` explains the figures.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import numpy as np
from measure import Measure

import syft as sy
from syft.client.present import settings

ROOT = {"email": "info@openmined.org", "password": "changethis"}
ADA = {"email": "ada@uni.org", "password": "lovelace"}
SMALL, LARGE = np.ones(10), np.ones(10 * 1024 * 1024 // 8)


@sy.func2plan(args_shape=[(1,)])
def inc(x: Any) -> Any:
    return x + 1


@sy.func2plan(args_shape=[(1,)])
def double(x: Any) -> Any:
    return x * 2


@sy.func2plan(args_shape=[(1,)])
def mean(x: Any) -> Any:
    return x.mean()


def bench_workers() -> Iterator[Measure]:
    """Three workers in this process."""
    workers = [sy.VirtualWorker(id=f"w{number}") for number in range(3)]
    deployed = Measure("`Protocol.deploy` on 3 workers of one process", target=None, reference=0.42)
    small = Measure(
        "a protocol over 3 workers of one process, 10 numbers: run and get", target=2.0, reference=1.39
    )
    large = Measure("... 10 MiB: run and get", target=None, reference=102)
    made = sy.Protocol([("a", inc), ("b", double), ("c", inc)]).deploy(*workers)
    for _ in range(50):
        made.run(SMALL).get()
    small.repeat(500, lambda: made.run(SMALL).get())
    for _ in range(3):
        made.run(LARGE).get()
    large.repeat(20, lambda: made.run(LARGE).get())
    deployed.repeat(30, lambda: sy.Protocol([("a", inc), ("b", double), ("c", inc)]).deploy(*workers))
    yield from (deployed, small, large)


def bench_many(counts: list[int]) -> Iterator[Measure]:
    """One call over many workers of this process: a value at each, their mean at one."""

    def all_means(count: int) -> Any:
        names = [f"m{number}" for number in range(count)]
        scope: dict[str, Any] = {}
        text = f"def over_all({', '.join(names)}):\n    return ({' + '.join(names)}) / {count}\n"
        exec(text, scope)
        return sy.func2plan(args_shape=[(1,)] * count)(scope["over_all"])

    for count in counts:
        workers = [sy.VirtualWorker(id=f"{count} many {number}") for number in range(count)]
        data = [worker.send(np.full(10, float(number))) for number, worker in enumerate(workers)]
        groups = [range(start, min(start + 50, count)) for start in range(0, count, 50)]
        steps = [sy.Step(f"r{n}", mean, x=pointer) for n, pointer in enumerate(data)]
        sums = [
            sy.Step("r0", all_means(len(group)), **{f"m{at}": steps[n] for at, n in enumerate(group)})
            for group in groups
        ]
        end = (
            sums[0]
            if len(sums) == 1
            else sy.Step("r0", all_means(len(sums)), **{f"m{at}": one for at, one in enumerate(sums)})
        )
        made = sy.Protocol([end]).deploy(**{f"r{n}": worker for n, worker in enumerate(workers)})
        measure = Measure(
            f"a protocol over {count} workers of one process, one call: run and get", target=None
        )
        made.run().get()
        measure.repeat(10, lambda made=made: made.run().get())
        yield measure


def bench_datasites() -> Iterator[Measure]:
    """Three datasites, each a process of its own, whose owners have agreed; every step behind the fence."""
    small = Measure("a protocol over 3 datasites, 10 numbers: run and get", target=60.0)
    large = Measure("... 10 MiB: run and get", target=500.0)
    direct = Measure("... 10 numbers, sites handing over through a gateway they share", target=None)
    with ExitStack() as stack:
        sites = [
            stack.enter_context(sy.orchestra.launch(name=f"s{n}", port="auto", reset=True)) for n in range(3)
        ]
        owners = [site.login(**ROOT) for site in sites]
        for owner in owners:
            owner.register(name="Ada", password_verify=ADA["password"], **ADA)
        clients = [site.login(**ADA) for site in sites]

        def deployed(name: str) -> sy.Protocol:
            made = sy.Protocol([("a", inc), ("b", double), ("c", inc)], description=name)
            made.deploy(*clients, runs=1000)
            for owner in owners:
                for request in owner.requests.get_all_pending():
                    request.approve()
            return made

        made = deployed("carried by the caller")
        for _ in range(5):
            made.run(SMALL).get()
        small.repeat(50, lambda: made.run(SMALL).get())
        for _ in range(2):
            made.run(LARGE).get()
        large.repeat(10, lambda: made.run(LARGE).get())
        yield from (small, large)
        gateway = stack.enter_context(
            sy.orchestra.launch(name="net", server_type="gateway", port="auto", reset=True)
        )
        for owner in owners:
            owner.connect_to_gateway(gateway.login(**ROOT))
        for _ in range(5):
            made.run(SMALL).get()
        direct.repeat(50, lambda: made.run(SMALL).get())
        yield direct


def main() -> None:
    """Run all and print it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--sites", type=int, nargs="*", default=[10, 30, 100])
    parser.add_argument("--only", choices=["workers", "many", "datasites"])
    options = parser.parse_args()
    settings.quiet = True
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    groups = {
        "workers": bench_workers,
        "many": lambda: bench_many(options.sites),
        "datasites": bench_datasites,
    }
    with tempfile.TemporaryDirectory(prefix="datasite-bench-") as home:
        os.environ["SYFT_HOME"] = home
        measures = [one for name, group in groups.items() if options.only in (None, name) for one in group()]
    print(json.dumps({"measures": [one.report() for one in measures]}, indent=1))


if __name__ == "__main__":
    main()
