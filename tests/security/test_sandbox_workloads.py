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
from typing import Any

import psutil
import pytest

from syft.errors import InvalidState
from syft.sandbox.levels import GVISOR, LEVELS, NAMESPACES, PROCESS
from syft.sandbox.profiles import BASE, LEARN, TORCH, profile_for
from syft.sandbox.runner import EmbeddedRunner, Execution, Limits, Outcome, Status
from syft.wire import codec

MIB = 1 << 20


@pytest.fixture(
    scope="module",
    params=[pytest.param(level, marks=[pytest.mark.gvisor] if level == GVISOR else []) for level in LEVELS],
)
def runner(request: pytest.FixtureRequest) -> Iterator[EmbeddedRunner]:
    made = EmbeddedRunner(level=request.param)
    try:
        made.wait()
    except InvalidState as error:
        made.close()
        pytest.skip(str(error))
    yield made
    made.close()


def need(module: str) -> Any:
    """The module, or a skipped test."""
    how = "make setup-torch" if module == "torch" else "make setup"
    return pytest.importorskip(module, reason=f"{module} is not installed: {how}")


def run(runner: EmbeddedRunner, body: str, limits: Limits | None = None) -> tuple[Outcome, object]:
    source = "def f():\n" + textwrap.indent(textwrap.dedent(body).strip("\n"), "    ")
    result = io.BytesIO()
    work = Execution(
        uid=uuid.uuid4().hex,
        source=source,
        entry="f",
        limits=limits or Limits(memory_bytes=512 * MIB),
        profile=profile_for(source),
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
    "learning in threads": (
        ["sklearn"],
        """
        import numpy as np
        from sklearn.ensemble import RandomForestClassifier
        from sklearn.model_selection import GridSearchCV, cross_val_score
        x = np.random.default_rng(1).normal(size=(200, 4)); y = x[:, 0] > 0
        search = GridSearchCV(RandomForestClassifier(10), {"max_depth": [2, 4]}, n_jobs=2).fit(x, y)
        return bool(
            search.best_score_ > 0.8
            and cross_val_score(RandomForestClassifier(20, n_jobs=2), x, y, n_jobs=2).mean() > 0.8
        )
        """,
    ),
    "learning with OpenMP": (
        ["sklearn"],
        """
        import numpy as np
        from sklearn.cluster import KMeans
        from sklearn.ensemble import HistGradientBoostingClassifier
        from threadpoolctl import threadpool_limits
        x = np.random.default_rng(1).normal(size=(600, 4)); y = x[:, 0] > 0
        with threadpool_limits(2):
            forest = HistGradientBoostingClassifier(max_iter=10).fit(x, y)
            groups = KMeans(3, n_init=2, random_state=1).fit(x)
        return bool(forest.score(x, y) > 0.9 and len(set(groups.labels_)) == 3)
        """,
    ),
    "learning in a pipeline": (
        ["sklearn"],
        """
        import pandas as pd
        from sklearn.compose import make_column_transformer
        from sklearn.linear_model import LogisticRegression
        from sklearn.metrics import roc_auc_score
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import OneHotEncoder, StandardScaler
        frame = pd.DataFrame({"age": range(100), "sex": ["f", "m"] * 50, "ill": [i > 40 for i in range(100)]})
        columns = make_column_transformer((StandardScaler(), ["age"]), (OneHotEncoder(), ["sex"]))
        model = make_pipeline(columns, LogisticRegression()).fit(frame[["age", "sex"]], frame.ill)
        return bool(roc_auc_score(frame.ill, model.predict_proba(frame[["age", "sex"]])[:, 1]) > 0.9)
        """,
    ),
    "joblib": (
        ["joblib"],
        """
        from joblib import Parallel, delayed
        return Parallel(n_jobs=2)(delayed(pow)(i, 2) for i in range(5)) == [0, 1, 4, 9, 16]
        """,
    ),
    "training a network": (
        ["torch"],
        """
        import copy, io, os, torch
        from torch.utils.data import DataLoader, TensorDataset
        torch.manual_seed(1)
        torch.set_num_threads(2)
        x = torch.randn(512, 4); y = x @ torch.tensor([[1.0], [2.0], [3.0], [4.0]])
        model = torch.nn.Sequential(torch.nn.Linear(4, 16), torch.nn.ReLU(), torch.nn.Linear(16, 1))
        optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
        losses = []
        for _ in range(8):
            for some, expected in DataLoader(TensorDataset(x, y), batch_size=64, shuffle=True):
                optimizer.zero_grad()
                loss = torch.nn.functional.mse_loss(model(some), expected)
                loss.backward()
                optimizer.step()
                losses.append(loss.item())
        buffer = io.BytesIO(); torch.save(model.state_dict(), buffer); buffer.seek(0)
        other = copy.deepcopy(model)
        torch.nn.init.zeros_(other[0].weight)
        other.load_state_dict(torch.load(buffer, weights_only=True))
        torch.save(model.state_dict(), "model.pt"); torch.load("model.pt", weights_only=True)
        large = torch.randn(600, 600) @ torch.randn(600, 600)
        return bool(
            losses[-1] < losses[0] / 4 and torch.equal(other(x), model(x)) and large.isfinite().all()
            and torch.get_num_threads() == 2 and len(os.listdir("/proc/self/task")) >= 2
        )
        """,
    ),
    "pictures with convolutions": (
        ["torch"],
        """
        import numpy as np, torch
        from torch import nn
        net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.LazyLinear(2))
        images = torch.from_numpy(np.random.default_rng(1).normal(size=(16, 1, 12, 12)).astype("float32"))
        optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9) if net(images) is not None else None
        nn.functional.cross_entropy(net(images), torch.arange(16) % 2).backward(); optimizer.step()
        scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 1); scheduler.step()
        with torch.no_grad(): return tuple(net.eval()(images).shape) == (16, 2)
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
        need(module)
    outcome, value = run(runner, body)
    assert outcome.status is Status.FINISHED, outcome
    assert value


def test_what_was_imported_ahead_is_there(runner: EmbeddedRunner) -> None:
    for module, profile in (("numpy", BASE), ("sklearn", LEARN), ("torch", TORCH)):
        need(module)
        body = f"import sys\nthere = '{module}' in sys.modules\nimport {module}\nreturn there"
        assert run(runner, body)[1] is True
        assert profile in runner.standing


def test_a_picture_is_returned(runner: EmbeddedRunner) -> None:
    need("matplotlib")
    _, value = run(
        runner,
        """
        import io
        import matplotlib.pyplot as plt
        pictures = []
        for kind in ("png", "svg", "pdf"):
            buffer = io.BytesIO()
            plt.figure(); plt.plot([1, 2, 3]); plt.savefig(buffer, format=kind)
            pictures.append(buffer)
        return [pictures[0].getvalue(), pictures[1], pictures[2]]
        """,
    )
    assert isinstance(value, list)
    png, svg, pdf = value
    assert png.startswith(b"\x89PNG\r\n")
    assert b"<svg" in svg.getvalue()
    assert pdf.getvalue().startswith(b"%PDF-")


def test_what_a_network_has_learnt_is_returned(runner: EmbeddedRunner) -> None:
    torch = need("torch")
    outcome, tensor = run(runner, "import torch\nreturn torch.ones(2)")
    assert outcome.status is Status.FINISHED
    assert torch.equal(tensor, torch.ones(2))
    _, value = run(
        runner,
        """
        import io, torch
        model = torch.nn.Linear(3, 2)
        buffer = io.BytesIO(); torch.save(model.state_dict(), buffer)
        return {name: weights.numpy() for name, weights in model.state_dict().items()}, buffer
        """,
    )
    assert isinstance(value, tuple)
    weights, buffer = value
    loaded = torch.load(buffer, weights_only=True)
    for name in ("weight", "bias"):
        assert torch.equal(loaded[name], torch.from_numpy(weights[name].copy()))


def test_runs_with_torch_draw_different_random_numbers(runner: EmbeddedRunner) -> None:
    need("torch")
    draws = [run(runner, "import torch\nreturn torch.rand(1).item()")[1] for _ in range(3)]
    assert len(set(draws)) == 3


PROCESSES = {
    "Pool": ([], "import multiprocessing\nwith multiprocessing.Pool(2) as pool: return pool.map(abs, [-1])"),
    "ProcessPoolExecutor": (
        [],
        "from concurrent.futures import ProcessPoolExecutor\n"
        "with ProcessPoolExecutor(2) as pool: return list(pool.map(abs, [-1]))",
    ),
    "subprocess": ([], "import subprocess\nreturn [len(subprocess.check_output(['/bin/echo']))]"),
    "DataLoader": (
        ["torch"],
        "from torch.utils.data import DataLoader\nimport torch\n"
        "return [len(list(DataLoader(torch.arange(1), num_workers=1)))]",
    ),
}


@pytest.mark.parametrize("name", PROCESSES)
def test_who_starts_processes_is_told_what_to_do_instead(runner: EmbeddedRunner, name: str) -> None:
    needed, body = PROCESSES[name]
    for module in needed:
        need(module)
    outcome, value = run(runner, body)
    if runner.level == PROCESS:
        assert value == [1], outcome
        return
    assert outcome.status is Status.FAILED
    assert outcome.reason.startswith("PermissionError on line ")
    assert outcome.reason.endswith(": a run starts no processes; use threads, or workers=0")
    assert "num_workers=0 for a DataLoader" in outcome.error_text + outcome.traceback


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
    "return bytes(9 << 20)": (Status.KILLED, "output limit"),
}


def test_three_hundred_mixed_runs_leave_nothing_behind(runner: EmbeddedRunner) -> None:
    limits = Limits(memory_bytes=512 * MIB, scratch_bytes=32 * MIB, output_bytes=8 * MIB, wall_s=8.0)
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
    deadline = time.time() + 60
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
