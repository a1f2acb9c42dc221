"""How long the datasite takes for what its users do, as JSON: real server processes, over HTTP, on loopback.

    python benchmarks/bench_datasite.py                   everything but the largest transfer
    python benchmarks/bench_datasite.py --only reads      one group; --list names them
    python benchmarks/bench_datasite.py --large 2000      a transfer of so many MB as well

`docs/performance.md` explains the figures. Progress goes to standard error.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

from bench_decisions import bench_decisions
from bench_nested import bench_nested
from bench_sandbox import bench_sandbox
from measure import Growth, Measure, family_rss_mb, rss_mb

import syft as sy
from syft.client.present import settings

ROOT = {"email": "info@openmined.org", "password": "changethis"}
ADA = {"email": "ada@example.org", "password": "lovelace"}
HEAVY = ("numpy", "pandas", "pyarrow", "sqlalchemy")
CLIENTS = 8
READING_S = 4.0


# --- A server, and people at it


@contextmanager
def server(name: str) -> Iterator[Any]:
    """A fresh server process, with data of its own."""
    with sy.orchestra.launch(name=name, port="auto", reset=True) as node:
        yield node


def owner_at(node: Any) -> Any:
    """The administrator, logged in."""
    return sy.login(url="localhost", port=node.port, **ROOT)


def scientist_at(node: Any) -> Any:
    """A data scientist, logged in."""
    owner_at(node).settings.allow_guest_signup(enable=True)
    sy.login_as_guest(url="localhost", port=node.port).register(name="Ada", **ADA)
    return sy.login(url="localhost", port=node.port, **ADA)


def read_account(client: Any) -> None:
    """A small signed message there, and a small signed answer back."""
    from syft.model.messages.users import GetAccount, UserReply

    client.ask(GetAccount(), UserReply)


def ask_child(*arguments: str) -> str:
    """What another process of this script prints."""
    command = [sys.executable, __file__, *arguments]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def warm_memory(megabytes: float) -> None:
    """Touch memory and give it back.

    A virtual machine gets memory from its host when it first touches it, at some 0.3 GB/s here, and loses it
    again when it is free for some seconds. That is the host's speed, not ours.
    """
    import mmap

    with mmap.mmap(-1, int(megabytes * 1e6)) as memory:
        for page in range(0, len(memory), mmap.PAGESIZE):
            memory[page] = 1


def table_of(megabytes: float) -> Any:
    """A table of five float columns with that many megabytes of numbers."""
    import numpy as np
    import pandas as pd

    rows = int(megabytes * 1e6 / 8 / 5)
    return pd.DataFrame(np.random.default_rng(1).random((rows, 5)), columns=list("abcde"))


def upload_table(owner: Any, name: str, megabytes: float) -> Any:
    """A dataset of one asset with a table of that size, and a mock of a few rows."""
    table = table_of(megabytes)
    asset = sy.Asset(name="table", data=table, mock=table.head(10).copy())
    owner.upload_dataset(sy.Dataset(name=name, asset_list=[asset]))
    return owner.datasets[name].assets[0]


# --- What is measured


def bench_import() -> Iterator[Measure]:
    """A process that imports syft and ends."""
    for name, code, target in (
        ("import syft, as a process", "import syft", 150.0),
        ("import syft and look up sy.login, as a process", "import syft as sy; sy.login", None),
    ):
        check = f"{code}\nimport sys\nprint([name for name in {HEAVY!r} if name in sys.modules])"
        loaded = subprocess.run([sys.executable, "-c", check], check=True, capture_output=True, text=True)
        if loaded.stdout.strip() != "[]":
            raise SystemExit(f"{name} loads {loaded.stdout.strip()}")
        measure = Measure(name, target=target, reference=3900.0 if target else None)
        measure.repeat(20, lambda code=code: subprocess.run([sys.executable, "-c", code], check=True))
        measure.notes["heavy_modules_loaded"] = []
        yield measure


def bench_start() -> Iterator[Measure]:
    """A server process, until somebody is logged in; and its memory."""
    start = Measure("server process to first login", target=1000.0, reference=1700.0)
    ready = Measure("server process until its first run could begin", target=None)
    alone = Measure("server process, memory", target=120.0, reference=258.0, unit="MB")
    family = Measure("server and its sandbox processes, memory", target=None, unit="MB")
    with server("warm") as node:
        owner_at(node)
    for number in range(7):
        began = time.perf_counter()
        with sy.orchestra.launch(name=f"start{number}", port="auto", reset=True) as node:
            owner = owner_at(node)
            start.add((time.perf_counter() - began) * 1000)
            while not owner.metadata.isolation:
                time.sleep(0.01)
                owner.refresh()
            ready.add((time.perf_counter() - began) * 1000)
            alone.add(rss_mb(node.pid))
            family.add(family_rss_mb(node.pid))
    yield from (start, ready, alone, family)


def bench_login() -> Iterator[Measure]:
    """An account's login: connect, ask what the node is, seal the password, be accepted."""
    measure = Measure("login", target=120.0, reference=590.0)
    with server("login") as node:
        owner_at(node)
        measure.repeat(30, lambda: owner_at(node))
    yield measure


def bench_reads() -> Iterator[Measure]:
    """A small signed read, one after the other from one client, and from several processes at once."""
    one = Measure("signed read over loopback", target=1.5, reference=7.0)
    many = Measure(
        f"small reads from {CLIENTS} clients, a second",
        target=1000.0,
        reference=125.0,
        unit="1/s",
        higher_is_better=True,
    )
    with server("reads") as node:
        owner = owner_at(node)
        for _ in range(200):
            read_account(owner)
        one.repeat(2000, lambda: read_account(owner))
        for _ in range(3):
            used = cpu_s(node.pid)
            count = read_from_many(node.port)
            many.add(count / READING_S)
            many.notes["server_cpu_ms_a_read"] = round((cpu_s(node.pid) - used) / count * 1000, 3)
    yield from (one, many)


def read_from_many(port: int) -> int:
    """How many reads all clients together got answered."""
    command = [sys.executable, __file__, "--reader", str(port)]
    pipe = subprocess.PIPE
    readers = [subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) for _ in range(CLIENTS)]
    for reader in readers:
        reader.stdout.readline()  # it has logged in
    begin = time.time() + 0.2
    for reader in readers:
        reader.stdin.write(f"{begin}\n")
        reader.stdin.close()
    counts = [int(reader.stdout.readline()) for reader in readers]
    for reader in readers:
        reader.wait()
        reader.stdout.close()
    return sum(counts)


def be_a_reader(port: int) -> None:
    """What each of several clients does."""
    client = sy.login(url="localhost", port=port, **ROOT)
    read_account(client)
    print("ready", flush=True)
    begin = float(sys.stdin.readline())
    time.sleep(max(0.0, begin - time.time()))
    count = 0
    while time.time() < begin + READING_S:
        read_account(client)
        count += 1
    print(count, flush=True)


def cpu_s(pid: int) -> float:
    """Processor time that a process has used."""
    import psutil

    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)


def bench_datasets() -> Iterator[Measure]:
    """The first dataset, when it is the only one and when there are a thousand."""
    from syft.model.messages.datasets import CreateDataset, DatasetReply, NewAsset, NewValue
    from syft.wire.codec import encode

    few = Measure("datasets[0], 1 stored", target=4.0, reference=297.0)
    many = Measure("datasets[0], 1,000 stored", target=4.0, reference=3260.0)
    last = Measure("datasets[-1], 1,000 stored", target=None)
    with server("datasets") as node:
        owner = owner_at(node)
        scientist = scientist_at(node)
        value = encode({"rows": [1, 2, 3]})
        asset = NewAsset(
            name="asset",
            private=NewValue(type_name=value.type_name, inline=value.to_bytes()),
            mock=NewValue(type_name=value.type_name, inline=value.to_bytes()),
        )

        def create(number: int) -> None:
            owner.ask(CreateDataset(f"dataset {number}", (asset,)), DatasetReply)

        create(0)
        scientist.datasets[0]
        few.repeat(300, lambda: scientist.datasets[0])
        began = time.perf_counter()
        for number in range(1, 1000):
            create(number)
        many.notes["creating_one_took_ms"] = round((time.perf_counter() - began) / 999 * 1000, 2)
        many.repeat(300, lambda: scientist.datasets[0])
        last.repeat(100, lambda: scientist.datasets[-1])
    yield from (few, many, last)


def bench_loop() -> Iterator[Measure]:
    """A small function from request to result, and its test on the mock."""
    loop = Measure("request, approve, run, get", target=100.0, reference=758.0)
    parts = {part: Measure(f"of which {part}", target=None) for part in ("request", "approve", "run and get")}
    trial = Measure("test on the mock in the ephemeral server", target=200.0, reference=809.0)
    first = Measure("make a function and test it, the first of a process", target=None)
    with server("loop") as node:
        owner = owner_at(node)
        scientist = scientist_at(node)
        upload_table(owner, "small", 0.01)
        asset = scientist.datasets["small"].assets[0]

        def total(data):
            return data.sum()

        for number in range(22):
            function = sy.syft_function(
                input_policy=sy.ExactMatch(data=asset),
                output_policy=sy.SingleExecutionExactOutput(),
                name=f"total_{number}",
            )(total)
            name = function.name
            times = [time.perf_counter()]
            scientist.code.request_code_execution(function)
            times.append(time.perf_counter())
            owner.requests[-1].approve()
            times.append(time.perf_counter())
            getattr(scientist.code, name)(data=asset).get()
            times.append(time.perf_counter())
            if number >= 2:
                loop.add((times[-1] - times[0]) * 1000)
                for part, begin, end in zip(parts.values(), times[:-1], times[1:], strict=True):
                    part.add((end - begin) * 1000)
        function(data=asset).get()
        trial.repeat(15, lambda: function(data=asset).get())
        for _ in range(5):
            first.add(json.loads(ask_child("--first-test", str(node.port))) * 1000)
    yield from (loop, *parts.values(), trial, first)


def be_a_newcomer(port: int) -> None:
    """Make a function and try it at once, in a process that has tried none."""
    client = sy.login(url="localhost", port=port, **ADA)
    asset = client.datasets["small"].assets[0]
    asset.mock.sum()  # loads pandas
    began = time.perf_counter()

    @sy.syft_function_single_use(data=asset)
    def total(data):
        return data.sum()

    total(data=asset).get()
    print(json.dumps(time.perf_counter() - began))


def bench_operations() -> Iterator[Measure]:
    """Operations with pointers: small numbers in the node, a table behind the fence; in this process, and over HTTP."""
    import numpy as np

    for where, options in (("in one process", {}), ("over loopback", {"port": "auto"})):
        add = Measure(f"pointer + 1, {where}", target=None)
        both = Measure(f"pointer + 1 and its value, {where}", target=None)
        table = Measure(f"column sum of a small table by pointer, {where}", target=None)
        with sy.orchestra.launch(name=f"operations {len(options)}", reset=True, **options) as node:
            owner = owner_at(node) if options else node.login(**ROOT)
            numbers = owner.objects.send(np.arange(10.0))
            frame = owner.objects.send(table_of(0.01))
            for pointer in (numbers, frame["a"]):
                pointer.sum()
            add.repeat(500, lambda numbers=numbers: numbers + 1)
            both.repeat(200, lambda numbers=numbers: (numbers + 1).get())
            table.repeat(50, lambda frame=frame: frame["a"].sum())
        yield from (add, both, table)


def bench_transfer(megabytes: float = 100.0, rounds: int = 7) -> Iterator[Measure]:
    """A large table to the server and back, each in a client process of its own; then once more, for the memory."""
    size = f"{megabytes:,.0f} MB table"
    target, reference = (500.0, 9.7) if megabytes == 100 else (None, None)
    measures = {
        way: Measure(
            f"{way} of a {size}", target=target, reference=reference, unit="MB/s", higher_is_better=True
        )
        for way in ("upload", "download")
    }
    with server("transfer") as node:
        owner = owner_at(node)

        def transfer(way: str, *, watched: bool = False) -> dict[str, float]:
            told = ask_child(f"--{way}", str(node.port), str(megabytes), str(int(watched)))
            return dict(json.loads(told))

        for _ in range(rounds):
            for way, measure in measures.items():
                measure.add(megabytes / transfer(way)["seconds"])
            owner.datasets.delete(owner.datasets["transfer"].id)
        # Watching takes time itself.
        for way, measure in measures.items():
            with Growth(node.pid) as growth:
                client = transfer(way, watched=True)
            measure.notes["memory_added_mb"] = {
                "client": round(client["own_mb"], 1),
                "client, with mapped files": round(client["all_mb"], 1),
                "server": round(growth.own_mb, 1),
                "server, with mapped files": round(growth.all_mb, 1),
            }
    yield from measures.values()


def be_an_owner(way: str, port: int, megabytes: float, watched: bool) -> None:
    """Bring a table, or fetch it, and tell how long that took, or how much memory."""
    owner = sy.login(url="localhost", port=port, **ROOT)
    table = table_of(megabytes if way == "upload" else 10)
    # What is loaded once a process is not the transfer's: a smaller table goes the same way first.
    upload_table(owner, f"warm {os.getpid()}", 10).data.sum()
    owner.datasets.delete(owner.datasets[f"warm {os.getpid()}"].id)
    dataset = sy.Dataset(
        name="transfer", asset_list=[sy.Asset(name="table", data=table, mock=table.head(10).copy())]
    )
    warm_memory(min(5 * megabytes, 3000))
    with Growth(os.getpid()) if watched else nullcontext() as growth:
        began = time.perf_counter()
        if way == "upload":
            owner.upload_dataset(dataset)
        else:
            table = owner.datasets["transfer"].assets[0].data
        seconds = time.perf_counter() - began
    if len(table) != int(megabytes * 1e6 / 8 / 5):
        raise SystemExit("what came back is not what was sent")
    memory = {"own_mb": growth.own_mb, "all_mb": growth.all_mb} if growth else {}
    print(json.dumps({"seconds": seconds, **memory}))


def bench_large_call() -> Iterator[Measure]:
    """A function that sums a 100 MB asset, called at the server."""
    from syft.service.policy.policy import ExactMatch, OutputPolicyExecuteCount

    measure = Measure("a call that sums a 100 MB asset", target=200.0, reference=17_000.0)
    with server("call") as node:
        owner = owner_at(node)
        scientist = scientist_at(node)
        upload_table(owner, "large", 100)
        asset = scientist.datasets["large"].assets[0]

        @sy.syft_function(
            input_policy=ExactMatch(data=asset), output_policy=OutputPolicyExecuteCount(limit=20)
        )
        def total(data):
            return data.sum()

        scientist.code.request_code_execution(total)
        owner.requests[0].approve()
        scientist.code.total(data=asset).get()
        measure.repeat(15, lambda: scientist.code.total(data=asset).get())
        with Growth(node.pid) as growth:
            scientist.code.total(data=asset).get()
        measure.notes["memory_added_mb"] = {"server": round(growth.own_mb, 1)}
        job = owner.jobs[-1]  # who sees what it used as it was
        measure.notes["last_run"] = {
            "wall_ms": round(job.resources.wall_s * 1000, 1),
            "cpu_ms": round(job.resources.cpu_s * 1000, 1),
            "max_rss_mb": round(job.resources.max_rss_bytes / 1e6, 1),
        }
    yield measure


GROUPS: dict[str, Callable[[], Iterator[Measure]]] = {
    "import": bench_import,
    "sandbox": bench_sandbox,
    "start": bench_start,
    "login": bench_login,
    "reads": bench_reads,
    "nested": bench_nested,
    "datasets": bench_datasets,
    "loop": bench_loop,
    "decisions": bench_decisions,
    "operations": bench_operations,
    "transfer": bench_transfer,
    "call": bench_large_call,
}


def main() -> None:
    """Run what was asked for and print it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--only", action="append", choices=list(GROUPS), help="one group; may be repeated")
    parser.add_argument("--list", action="store_true", help="name the groups")
    parser.add_argument("--large", type=float, metavar="MB", help="also transfer a table of this size, once")
    parser.add_argument("--reader", type=int, metavar="PORT", help=argparse.SUPPRESS)
    parser.add_argument("--first-test", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--upload", nargs=3, type=float, help=argparse.SUPPRESS)
    parser.add_argument("--download", nargs=3, type=float, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.list:
        print("\n".join(f"{name:<10} {(work.__doc__ or '').strip()}" for name, work in GROUPS.items()))
        return
    settings.quiet = True
    if asked.reader:
        be_a_reader(asked.reader)
        return
    if asked.first_test:
        be_a_newcomer(asked.first_test)
        return
    for way in ("upload", "download"):
        if getattr(asked, way):
            port, megabytes, watched = getattr(asked, way)
            be_an_owner(way, int(port), megabytes, bool(watched))
            return
    began = time.perf_counter()
    # As on people's machines: the second start of anything finds its byte code.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    with tempfile.TemporaryDirectory(prefix="datasite-bench-") as home:
        os.environ["SYFT_HOME"] = home
        measures = []
        for name in asked.only or GROUPS:
            print(f"{name} ...", file=sys.stderr, flush=True)
            measures += list(GROUPS[name]())
        if asked.large:
            print("large transfer ...", file=sys.stderr, flush=True)
            measures += list(bench_transfer(asked.large, rounds=1))
    machine = {
        "python": platform.python_version(),
        "system": platform.freedesktop_os_release().get("PRETTY_NAME", platform.system()),
        "cores": os.cpu_count(),
        "version": sy.__version__,
    }
    took = round(time.perf_counter() - began, 1)
    print(
        json.dumps(
            {"machine": machine, "took_s": took, "measures": [one.report() for one in measures]}, indent=1
        )
    )


if __name__ == "__main__":
    main()
