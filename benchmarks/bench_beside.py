"""How long small calls take while heavy jobs run and many callers wait for them: a real server, over HTTP.

    python benchmarks/bench_beside.py

Figures as JSON on standard output; `docs/performance.md` explains them.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any
from uuid import UUID

from measure import Measure

import syft as sy
from syft.client.present import settings

settings.quiet = True  # also while functions are made, below

ROOT = {"email": "info@openmined.org", "password": "changethis"}
ADA = {"email": "ada@example.org", "password": "lovelace"}
WAITING = (12, 100)
FOLLOWING = 4
CALLS = 1_000
# As people and programs ask: not as fast as they can.
PAUSE_S = 0.004
TARGET_P95_MS = 20.0


@sy.syft_function(output_policy=sy.OutputPolicyExecuteCount(1000))
def burn(datasite):
    """Keep a core busy until it is stopped, and say how far it is."""
    import time

    datasite.init_progress(1_000_000)
    began = time.monotonic()
    while time.monotonic() - began < 200:
        sum(number * number for number in range(20_000))
        datasite.increment_progress()
    return 1


@sy.syft_function(output_policy=sy.OutputPolicyExecuteCount(1000))
def chatter(datasite):
    """Keep a core busy, and print as fast as the pipe takes it for as long as that is kept."""
    import time

    began = time.monotonic()
    while time.monotonic() - began < 200:
        print("x" * 60)
        sum(number * number for number in range(2_000))
    return 1


@sy.syft_function()
def one_of_many(n):
    """Next to nothing, launched very often."""
    return n


@sy.syft_function(output_policy=sy.OutputPolicyExecuteCount(1000))
def fan_out(datasite):
    """Launch very many others, until it is stopped."""
    while True:
        for job in [datasite.launch_job(one_of_many, n=number) for number in range(100)]:
            job.wait()


def read_account(client: Any) -> None:
    """A small signed message there, and a small signed answer back."""
    from syft.model.messages.users import GetAccount, UserReply

    client.ask(GetAccount(), UserReply)


@contextmanager
def running(scientist: Any, name: str, count: int) -> Iterator[list[Any]]:
    """So many jobs of one function, all of which have begun."""
    jobs = [getattr(scientist.code, name)(blocking=False) for _ in range(count)]
    try:
        deadline = time.monotonic() + 60
        while not any(job.status.value == "running" for job in jobs):
            if time.monotonic() > deadline:
                raise SystemExit("the jobs did not begin")
            time.sleep(0.05)
        yield jobs
    finally:
        for job in jobs:
            if not job.has_ended:
                job.kill()


@contextmanager
def followed(clients: list[Any], jobs: list[Any]) -> Iterator[None]:
    """Owners who follow the logs of those jobs, each in a thread."""

    def follow(client: Any, job: Any) -> None:
        with suppress(sy.SyftException):
            client.jobs[job.id].logs(follow=True, _print=False)

    for client, job in zip(clients, jobs, strict=True):
        threading.Thread(target=follow, args=(client, job), daemon=True).start()
    yield


@contextmanager
def waited_for(port: int, job: Any, count: int) -> Iterator[None]:
    """Callers who wait for that job, in a process of their own."""
    command = [sys.executable, __file__, "wait", str(port), job.id.hex, str(count)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    if process.stdout.readline() != "waiting\n":
        raise SystemExit("nobody waits")
    try:
        yield
    finally:
        process.kill()
        process.wait()


def wait_for(port: int, uid: str, count: int) -> None:
    """What that process does."""

    client = sy.login(url="localhost", port=port, **ADA)

    def wait() -> None:
        with suppress(sy.SyftException):  # it is stopped in the end
            client.jobs[sy.UID(UUID(uid))].wait()

    threads = [threading.Thread(target=wait, daemon=True) for _ in range(count)]
    for thread in threads:
        thread.start()
    time.sleep(1)  # until each has asked once
    print("waiting", flush=True)
    for thread in threads:
        thread.join()


def measured(name: str, client: Any, jobs: list[Any]) -> Measure:
    """Small reads one after the other, as long as these jobs run."""
    measure = Measure(name, target=TARGET_P95_MS if jobs else None)
    for _ in range(CALLS):
        measure.repeat(1, lambda: read_account(client))
        time.sleep(PAUSE_S)
    if any(job.refresh().has_ended for job in jobs):
        raise SystemExit(f"{name}: a job has ended before it was measured beside it")
    return measure


def bench_beside() -> Iterator[Measure]:
    """Small reads: alone, beside heavy jobs, beside talkative ones, and beside those who wait for them."""
    with sy.orchestra.launch(name="beside", port="auto", reset=True) as node:
        owner = sy.login(url="localhost", port=node.port, **ROOT)
        owner.settings.allow_guest_signup(enable=True)
        sy.login_as_guest(url="localhost", port=node.port).register(name="Ada", **ADA)

        def ada() -> Any:
            return sy.login(url="localhost", port=node.port, **ADA)

        scientist = ada()
        scientist.code.submit(one_of_many)
        for function in (burn, chatter, fan_out):
            scientist.code.request_code_execution(function)
            owner.requests[-1].approve()
        read_account(scientist)
        yield measured("small read, alone", scientist, [])
        with running(scientist, "burn", 4) as jobs:
            yield measured("small read, beside 4 heavy jobs", scientist, jobs)
            for count in WAITING:
                with waited_for(node.port, jobs[0], count):
                    yield measured(f"... and {count} callers who wait", scientist, jobs)
        with running(scientist, "chatter", 4) as jobs:
            yield measured("small read, beside 4 talkative jobs", scientist, jobs)
            owners = [sy.login(url="localhost", port=node.port, **ROOT) for _ in range(FOLLOWING)]
            with followed(owners, jobs):
                yield measured(f"... and {FOLLOWING} owners who follow their logs", scientist, jobs)
        with running(scientist, "fan_out", 1) as jobs:
            yield measured("small read, beside a job that launches others without end", scientist, jobs)


if __name__ == "__main__":
    if sys.argv[1:2] == ["wait"]:
        wait_for(int(sys.argv[2]), sys.argv[3], int(sys.argv[4]))
    else:
        for measure in bench_beside():
            print(json.dumps(measure.report()), flush=True)
