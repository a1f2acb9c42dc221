"""What it costs that a pool's runs are elsewhere: the same work on the three kinds of pools. A real server, over HTTP.

    python benchmarks/bench_pools.py                     all kinds
    python benchmarks/bench_pools.py embedded dask       some

Figures as JSON on standard output; `docs/performance.md` explains them. Workers and cluster are on this very machine:
what is measured is the way there and back, not what more machines bring.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np
import pandas as pd
from measure import Measure

import syft as sy
from syft.client.present import settings

ROOT = {"email": "info@openmined.org", "password": "changethis"}
ADA = {"email": "ada@example.org", "password": "lovelace"}
KINDS = ("embedded", "remote", "dask")
SLOTS = 2
PARTS = 64
JOBS = 100
TIMES = 50
READY_S = 120.0


@contextmanager
def pool_of(owner: Any, port: int, kind: str) -> Iterator[str]:
    """A pool of that kind, once it can run `SLOTS` jobs at once; its name."""
    name = f"{kind}-pool"
    pool = owner.worker_pools.launch(name, num_workers=SLOTS, engine=kind)
    with ExitStack() as ends:
        if kind == "remote":
            home = ends.enter_context(tempfile.TemporaryDirectory())
            command = ["-m", "syft.cli", "worker", "--node", f"http://127.0.0.1:{port}", "--pool", name]
            worker = subprocess.Popen(
                [sys.executable, *command, "--slots", str(SLOTS), "--home", home],
                env={**os.environ, "SYFT_WORKER_TOKEN": pool.token()},
                stdout=subprocess.DEVNULL,
            )
            ends.callback(worker.wait)
            ends.callback(worker.terminate)
        deadline = time.monotonic() + READY_S
        while (pool := owner.worker_pools[name]).max_count < SLOTS or (
            kind != "embedded" and not pool.isolation
        ):
            if time.monotonic() > deadline:
                raise SystemExit(f"the pool '{name}' has no workers")
            time.sleep(0.1)
        yield name
        owner.worker_pools[name].delete()


def functions(scientist: Any, owner: Any, kind: str, pool: str, data: Any) -> tuple[Any, Any]:
    """A function that does nothing, and a map-reduce over parts, approved for that pool."""
    counted = sy.OutputPolicyExecuteCount(100_000)
    sources = {
        f"nothing_{kind}": f"def nothing_{kind}():\n    return 1\n",
        f"part_{kind}": f"def part_{kind}(batch):\n    return int(batch.to_numpy().sum())\n",
        f"total_{kind}": f"def total_{kind}(sums):\n    return sum(sums)\n",
        f"over_{kind}": (
            f"def over_{kind}(datasite, data):\n"
            f"    sums = [datasite.launch_job(part_{kind}, batch=part) for part in data.parts]\n"
            f"    return datasite.launch_job(total_{kind}, sums=sums).result\n"
        ),
    }
    made = made_from(sources)
    for name in (f"part_{kind}", f"total_{kind}"):
        scientist.code.submit(sy.syft_function(worker_pool_name=pool)(made[name]))
    for name, policy in ((f"nothing_{kind}", None), (f"over_{kind}", sy.ExactMatch(data=data))):
        decorate = sy.syft_function(input_policy=policy, output_policy=counted, worker_pool_name=pool)
        scientist.code.request_code_execution(decorate(made[name]))
        owner.requests[-1].approve()
    return getattr(scientist.code, f"nothing_{kind}"), getattr(scientist.code, f"over_{kind}")


def made_from(sources: dict[str, str]) -> dict[str, Any]:
    """Those functions, from a file of their own: what is submitted is the source, which Python reads there."""
    import importlib.util

    folder = tempfile.mkdtemp()
    path = os.path.join(folder, "made.py")
    with open(path, "w") as file:
        file.write("\n\n".join(sources.values()))
    spec = importlib.util.spec_from_file_location(f"made_{len(sys.modules)}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return vars(module)


def bench_pools(kinds: tuple[str, ...] = KINDS) -> Iterator[Measure]:
    """Of each kind: a job that does nothing, a hundred of them at once, 64 parts."""
    with sy.orchestra.launch(name="pools", port="auto", reset=True) as node:
        owner = sy.login(url="localhost", port=node.port, **ROOT)
        owner.settings.allow_guest_signup(enable=True)
        sy.login_as_guest(url="localhost", port=node.port).register(name="Ada", **ADA)
        scientist = sy.login(url="localhost", port=node.port, **ADA)
        frame = pd.DataFrame({"A": np.arange(1000), "B": np.arange(1000)})
        parts = sy.Partitioned([frame + number for number in range(PARTS)])
        owner.upload_dataset(
            sy.Dataset(name="pools", asset_list=[sy.Asset(name="parts", data=parts, mock=parts)])
        )
        data = scientist.datasets[0].assets[0]
        right = PARTS * int(frame.to_numpy().sum()) + 2000 * sum(range(PARTS))
        for kind in kinds:
            with pool_of(owner, node.port, kind) as pool:
                nothing, over = functions(scientist, owner, kind, pool, data)
                for _ in range(5):
                    nothing()
                one = Measure(f"{kind}: a job that does nothing", target=None)
                one.repeat(TIMES, nothing)
                yield one

                many = Measure(f"{kind}: {JOBS} such jobs at once", target=None)
                for _ in range(3):
                    with many.timed():
                        jobs = [nothing(blocking=False) for _ in range(JOBS)]
                        for job in jobs:
                            job.wait(timeout=120)
                yield many

                whole = Measure(f"{kind}: a map-reduce over {PARTS} parts", target=None)
                if over(data=data).get() != right:
                    raise SystemExit(f"the map-reduce came to {over(data=data).get()} and not {right}")
                whole.repeat(5, lambda over=over: over(data=data))
                yield whole


if __name__ == "__main__":
    settings.quiet = True
    for measure in bench_pools(tuple(sys.argv[1:]) or KINDS):
        print(json.dumps(measure.report()), flush=True)
