"""How long nested jobs take: the guide's example, and how cost grows with their number. A real server, over HTTP.

    python benchmarks/bench_nested.py            up to 1,000 nested jobs
    python benchmarks/bench_nested.py 3000       as many as this as well

Figures as JSON on standard output; `docs/performance.md` explains them. Part of `bench_datasite.py` (group `nested`).
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator

import numpy as np
import pandas as pd
from measure import Measure

import syft as sy
from syft.client.present import settings

ROOT = {"email": "info@openmined.org", "password": "changethis"}
ADA = {"email": "ada@example.org", "password": "lovelace"}
TARGET_GUIDE_MS = 100.0
REFERENCE_GUIDE_MS = 15_000.0
TARGET_THOUSAND_MS = 10_000.0
GUIDE_TIMES = 30
PARTS = 64
# Repeated, so that one busy moment does not decide; less often where one takes long.
TIMES = {10: 10, 100: 5, 300: 3}
COUNTED = sy.OutputPolicyExecuteCount(1000)


settings.quiet = True  # also while functions are made, below


@sy.syft_function()
def process_batch(batch):
    """Of the guide."""
    return batch.to_numpy().sum()


@sy.syft_function()
def aggregate_job(job_results):
    """Of the guide."""
    return sum(job_results)


@sy.syft_function()
def one_more(x):
    """Hardly anything, so that what is measured is what it costs to launch it."""
    return x + 1


def process_all(datasite, data):
    """The guide's nested example, as written there."""
    import numpy as np

    job_results = []
    for batch in np.array_split(data, 2):
        batch_job = datasite.launch_job(process_batch, batch=batch)
        job_results += [batch_job.result]
    job = datasite.launch_job(aggregate_job, job_results=job_results)
    return job.result


def fan_out(datasite, count):
    """So many in one loop, and their results straight to another."""
    parts = [datasite.launch_job(one_more, x=number) for number in range(count)]
    return datasite.launch_job(aggregate_job, job_results=parts).result


def over_parts(datasite, data):
    """A map-reduce over a partitioned asset."""
    parts = [datasite.launch_job(process_batch, batch=part) for part in data.parts]
    return datasite.launch_job(aggregate_job, job_results=parts).result


def bench_nested(most: int = 1000) -> Iterator[Measure]:
    """The guide's example; 64 parts; 10, 100, ... nested jobs."""
    with sy.orchestra.launch(name="nested", port="auto", reset=True) as node:
        owner = sy.login(url="localhost", port=node.port, **ROOT)
        owner.settings.allow_guest_signup(enable=True)
        sy.login_as_guest(url="localhost", port=node.port).register(name="Ada", **ADA)
        scientist = sy.login(url="localhost", port=node.port, **ADA)
        frame = pd.DataFrame({"A": np.arange(10), "B": np.arange(10)})
        parts = sy.Partitioned([frame + number for number in range(PARTS)])
        assets = [
            sy.Asset(name="table", data=frame, mock=frame),
            sy.Asset(name="parts", data=parts, mock=parts),
        ]
        owner.upload_dataset(sy.Dataset(name="nested", asset_list=assets))
        table, partitioned = scientist.datasets[0].assets
        for function in (process_batch, aggregate_job, one_more):
            scientist.code.submit(function)
        for function, inputs in (
            (process_all, sy.ExactMatch(data=table)),
            (over_parts, sy.ExactMatch(data=partitioned)),
            (fan_out, sy.MixedInputPolicy(count=int)),
        ):
            decorate = sy.syft_function(input_policy=inputs, output_policy=COUNTED)
            scientist.code.request_code_execution(decorate(function))
            owner.requests[-1].approve()

        assert scientist.code.process_all(data=table).get() == int(frame.to_numpy().sum())
        guide = Measure("the guide's nested example", target=TARGET_GUIDE_MS, reference=REFERENCE_GUIDE_MS)
        guide.repeat(GUIDE_TIMES, lambda: scientist.code.process_all(data=table))
        yield guide

        whole = Measure(f"a map-reduce over {PARTS} parts of an asset", target=None)
        whole.repeat(5, lambda: scientist.code.over_parts(data=partitioned))
        yield whole

        for count in (10, 100, 300, 1000, 3000, 10_000):
            if count > most:
                return
            target = TARGET_THOUSAND_MS if count == 1000 else None
            growing = Measure(f"{count} nested jobs", target=target)
            for _ in range(TIMES.get(count, 1)):
                began = time.perf_counter()
                job = scientist.code.fan_out(count=count, blocking=False)
                value = job.wait(timeout=600).get()
                growing.add((time.perf_counter() - began) * 1000)
                if value != count * (count + 1) // 2:
                    raise SystemExit(f"{count} nested jobs came to {value}")
            growing.notes["each_ms"] = round(growing.values[-1] / count, 2)
            yield growing


if __name__ == "__main__":
    for measure in bench_nested(int(sys.argv[1]) if len(sys.argv) > 1 else 1000):
        print(json.dumps(measure.report()), flush=True)
