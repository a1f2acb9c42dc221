"""What honest work needs works behind the fence, at every level; and much of it at once leaves nothing behind."""

from __future__ import annotations

import io
import os
import random
import textwrap
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from syft.errors import InvalidState
from syft.sandbox.levels import LEVELS, NAMESPACES
from syft.sandbox.runner import EmbeddedRunner, Execution, Limits, Outcome, Status
from syft.wire import codec

MIB = 1 << 20


@pytest.fixture(scope="module", params=LEVELS)
def runner(request: pytest.FixtureRequest) -> Iterator[EmbeddedRunner]:
    made = EmbeddedRunner(level=request.param)
    try:
        made.wait()
    except InvalidState as error:
        made.close()
        pytest.skip(str(error))
    yield made
    made.close()


def run(runner: EmbeddedRunner, body: str, limits: Limits | None = None) -> tuple[Outcome, object]:
    source = "def f():\n" + textwrap.indent(textwrap.dedent(body).strip("\n"), "    ")
    result = io.BytesIO()
    work = Execution(
        uid=uuid.uuid4().hex, source=source, entry="f", limits=limits or Limits(memory_bytes=2048 * MIB)
    )
    outcome = runner.run(work, result=result)
    value = codec.decode(result.getvalue()) if outcome.status is Status.FINISHED else None
    return outcome, value


WORK = {
    "BLAS": (
        ["numpy"],
        """
        import numpy as np
        a = np.random.default_rng(1).normal(size=(300, 300))
        u, s, v = np.linalg.svd(a @ a.T)
        return bool(np.allclose(u @ np.diag(s) @ v, a @ a.T))
        """,
    ),
    "arrays in files": (
        ["numpy"],
        """
        import numpy as np
        np.save("a.npy", np.arange(10)); np.savez("b.npz", x=np.ones(3))
        m = np.memmap("m", dtype="f8", mode="w+", shape=(100,)); m[:] = 2; m.flush()
        return int(np.load("a.npy", mmap_mode="r").sum() + np.load("b.npz")["x"].sum() + m.sum()) == 248
        """,
    ),
    "pandas": (
        ["pandas", "pyarrow"],
        """
        import pandas as pd
        times = pd.date_range("2024-03-30", periods=48, freq="h", tz="Europe/Berlin")
        frame = pd.DataFrame({"t": times, "k": [i % 3 for i in range(48)], "v": range(48)})
        frame.to_csv("x.csv", index=False); frame.to_parquet("x.parquet")
        back = pd.read_parquet("x.parquet")
        assert str(back.t.dt.tz) == "Europe/Berlin" and len(pd.read_csv("x.csv", parse_dates=["t"])) == 48
        merged = back.merge(pd.DataFrame({"k": [0, 1], "name": ["a", "b"]}), on="k", how="left")
        assert merged.t.dt.tz_convert("America/New_York").dt.hour.nunique() == 24
        table = merged.groupby("name").v.agg(["mean", "count"]).describe()
        return merged.name.isna().sum() == 16 and str(table) != "" and len(back.pivot_table(index="k")) == 3
        """,
    ),
    "Arrow datasets": (
        ["pyarrow"],
        """
        import pyarrow as pa, pyarrow.compute as pc, pyarrow.csv, pyarrow.dataset as ds, pyarrow.parquet as pq
        table = pa.table({"a": list(range(1000)), "part": [i % 4 for i in range(1000)]})
        ds.write_dataset(table, "d", format="parquet", partitioning=["part"])
        found = ds.dataset("d", partitioning=["part"]).to_table(filter=pc.field("a") > 500)
        pyarrow.csv.write_csv(table, "t.csv"); pq.write_table(table, "t.parquet", compression="zstd")
        return found.num_rows == 499 and pyarrow.csv.read_csv("t.csv").num_rows == pq.read_table("t.parquet").num_rows
        """,
    ),
    "pictures": (
        ["matplotlib"],
        """
        import os
        import matplotlib.pyplot as plt
        figure, axes = plt.subplots()
        axes.plot([1, 2, 3]); axes.set_title("$x_1^2$ Größe"); axes.hist([1, 2, 2])
        for kind in ("png", "svg", "pdf"): figure.savefig("x." + kind)
        return all(os.path.getsize("x." + kind) > 1000 for kind in ("png", "svg", "pdf"))
        """,
    ),
    "scipy": (
        ["scipy"],
        """
        from scipy import optimize, stats
        found = optimize.minimize(lambda x: (x[0] - 2) ** 2, [0.0])
        return abs(found.x[0] - 2) < 1e-3 and stats.ttest_ind([1, 2, 3], [4, 5, 6]).pvalue < 0.05
        """,
    ),
    "regression": (
        ["statsmodels"],
        """
        import pandas as pd, statsmodels.formula.api as smf
        frame = pd.DataFrame({"x": range(50), "y": [2 * i + (i % 3) for i in range(50)]})
        return bool(abs(smf.ols("y ~ x", frame).fit().params["x"] - 2) < 0.1)
        """,
    ),
    "scikit-learn": (
        ["sklearn"],
        """
        import numpy as np
        from sklearn.ensemble import RandomForestClassifier
        from sklearn.model_selection import cross_val_score
        x = np.random.default_rng(1).normal(size=(200, 4)); y = x[:, 0] > 0
        return bool(cross_val_score(RandomForestClassifier(20, n_jobs=2), x, y, n_jobs=2).mean() > 0.8)
        """,
    ),
    "a database": (
        [],
        """
        import sqlite3
        with sqlite3.connect("x.db") as db:
            db.execute("create table t (x)"); db.executemany("insert into t values (?)", [(i,) for i in range(99)])
        return sqlite3.connect("x.db").execute("select sum(x) from t").fetchone()[0] == 4851
        """,
    ),
    "archives": (
        [],
        """
        import gzip, lzma, os, shutil, tarfile, zipfile
        open("a.txt", "w").write("hello" * 1000)
        with zipfile.ZipFile("a.zip", "w", zipfile.ZIP_DEFLATED) as z: z.write("a.txt")
        with tarfile.open("a.tgz", "w:gz") as t: t.add("a.txt")
        with gzip.open("a.gz", "wb") as g: g.write(b"x")
        with lzma.open("a.xz", "wb") as g: g.write(b"x")
        os.mkdir("out"); zipfile.ZipFile("a.zip").extractall("out"); shutil.copy2("a.txt", "b.txt")
        shutil.copytree("out", "out2"); os.rename("out2", "out3"); shutil.rmtree("out")
        return open("out3/a.txt").read() == open("b.txt").read()
        """,
    ),
    "temporary files": (
        [],
        """
        import os, tempfile
        with tempfile.TemporaryDirectory() as d, tempfile.NamedTemporaryFile(dir=d) as f, tempfile.TemporaryFile() as g:
            f.write(b"1"); g.write(b"2"); os.chmod(f.name, 0o600); os.utime(f.name)
            return os.path.exists(f.name)
        """,
    ),
    "threads": (
        [],
        """
        import queue, threading, time
        from concurrent.futures import ThreadPoolExecutor
        with ThreadPoolExecutor(8) as pool: total = sum(pool.map(lambda i: i * i, range(100)))
        done = queue.Queue(); timer = threading.Timer(0.01, done.put, [1]); timer.start()
        return total == 328350 and done.get(timeout=5) == 1
        """,
    ),
    "asyncio": (
        [],
        """
        import asyncio
        async def one(i):
            await asyncio.sleep(0.001)
            return await asyncio.to_thread(lambda: i)
        async def all_of_them(): return sum(await asyncio.gather(*(one(i) for i in range(50))))
        return asyncio.run(all_of_them()) == 1225
        """,
    ),
    "dates and numbers": (
        [],
        """
        import calendar, datetime, decimal, fractions, hashlib, json, locale, statistics, zoneinfo
        when = datetime.datetime(2024, 7, 1, tzinfo=zoneinfo.ZoneInfo("Asia/Tokyo"))
        return when.utcoffset().seconds == 32400 and len(hashlib.sha256(b"x").hexdigest()) == 64
        """,
    ),
    "who and where": (
        [],
        """
        import getpass, os, pathlib, platform, socket
        return bool(getpass.getuser() and platform.platform() and os.cpu_count() and pathlib.Path.home().exists())
        """,
    ),
}


@pytest.mark.parametrize("name", WORK)
def test_honest_work_works(runner: EmbeddedRunner, name: str) -> None:
    needed, body = WORK[name]
    for module in needed:
        pytest.importorskip(module)
    outcome, value = run(runner, body)
    assert outcome.status is Status.FINISHED, outcome
    assert value


MIXED = {
    "return 1": (Status.FINISHED, ""),
    "return list(range(100_000))": (Status.FINISHED, ""),
    "1 / 0": (Status.FAILED, "ZeroDivisionError"),
    "import ctypes; ctypes.string_at(0)": (Status.FAILED, "SIGSEGV"),
    "import os; os._exit(7)": (Status.FAILED, "exit status 7"),
    "bytearray(8 << 30)": (Status.KILLED, "memory limit"),
    "import time; time.sleep(60)": (Status.KILLED, "wall-clock limit"),
    "open('x', 'wb').write(bytes(40 << 20))": (Status.KILLED, "scratch space limit"),
    "while True: print('x' * 1_000_000)": (Status.KILLED, "printed more"),
    "return bytes(9 << 20)": (Status.KILLED, "result limit"),
}


def test_three_hundred_mixed_runs_leave_nothing_behind(runner: EmbeddedRunner) -> None:
    limits = Limits(memory_bytes=512 * MIB, scratch_bytes=32 * MIB, result_bytes=8 * MIB, wall_s=8.0)
    short = Limits(memory_bytes=512 * MIB, wall_s=0.5)
    me = psutil.Process()
    standing, descriptors = len(me.children(recursive=True)), len(os.listdir("/proc/self/fd"))
    mounts = len(Path("/proc/self/mounts").read_text().splitlines())
    bodies = [body for body in MIXED for _ in range(30)]
    random.Random(1).shuffle(bodies)

    def one(body: str) -> str:
        outcome, _ = run(runner, body, short if "sleep" in body else limits)
        status, reason = MIXED[body]
        return "" if outcome.status is status and reason in outcome.reason else f"{body}: {outcome}"

    with ThreadPoolExecutor(6) as pool:
        wrong = [text for text in pool.map(one, bodies) if text]
    assert wrong == []
    deadline = time.time() + 20
    while len(me.children(recursive=True)) > standing or len(os.listdir("/proc/self/fd")) > descriptors:
        assert time.time() < deadline
        time.sleep(0.05)
    assert len(Path("/proc/self/mounts").read_text().splitlines()) == mounts
    _, value = run(runner, "return 2")
    assert value == 2


def test_a_forbidden_call_ends_the_run_with_its_reason(runner: EmbeddedRunner) -> None:
    outcome, _ = run(runner, "import ctypes; ctypes.CDLL(None).unshare(0x10000000)")
    if runner.level == "process":
        assert outcome.status is Status.FINISHED
    else:
        assert (outcome.status, outcome.reason) == (Status.KILLED, "the code made a forbidden system call")


def test_a_run_of_the_strongest_level_sees_itself_alone(runner: EmbeddedRunner) -> None:
    if runner.level != NAMESPACES:
        pytest.skip("promised there only")
    _, value = run(runner, "import os; return [os.getpid(), os.getuid(), os.uname().nodename, os.getcwd()]")
    assert value == [1, 1000, "sandbox", "/scratch"]
