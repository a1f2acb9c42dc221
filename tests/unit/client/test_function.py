"""Syft functions: made, and tried behind a fence on this computer."""

from __future__ import annotations

import inspect
import math
import os
import re
import signal
from collections.abc import Iterator
from typing import Any, BinaryIO

import msgspec
import numpy as np
import pandas as pd
import pytest

from syft.client import trial
from syft.client.assets import ActionObject, Asset, Dataset
from syft.client.client import Client
from syft.client.datasets import AssetView
from syft.client.function import SyftFunction, syft_function, syft_function_single_use
from syft.client.pointer import Pointer
from syft.client.policies import Constant, ExactMatch, MixedInputPolicy, SingleExecutionExactOutput
from syft.errors import CodeFailed, InvalidCode, InvalidInput, LimitExceeded, UnsupportedType
from syft.model.code import MustBe, Parameter
from syft.model.limits import JobLimits
from syft.policy.limits import MAX_DEPTH
from syft.sandbox.contract import Execution, Host, Outcome, Status
from syft.sandbox.runner import EmbeddedRunner
from syft.wire.types_partitioned import Partitioned

OUTSIDE = 10


@pytest.fixture(scope="module", autouse=True)
def runner() -> Iterator[None]:
    """The shared runner, closed when these tests are over."""
    yield
    trial.shared.close()


def test_the_guides_line(capsys: pytest.CaptureFixture[str]) -> None:
    @syft_function()
    def example() -> int:
        return 10

    assert capsys.readouterr().out == (
        "Syft function 'example' successfully created. To ask for its approval, use "
        "`client.code.request_code_execution(example)`.\n"
    )
    assert isinstance(example, SyftFunction)
    assert example.name == example.func_name == example.__name__ == "example"
    assert example.code.startswith("def example()")
    assert example.submission.output_policy.limit == 1
    assert "one result" in repr(example)
    assert "def example" in example._repr_html_()


def test_without_brackets() -> None:
    @syft_function
    def example(x: int) -> int:
        """Doc."""
        return x

    assert isinstance(example, SyftFunction)
    assert example.__doc__ == "Doc."
    assert inspect.signature(example) == example.signature
    assert list(example.signature.parameters) == ["x"]


def test_options_arrive(asset: AssetView) -> None:
    @syft_function_single_use(
        data=asset, share_results_with_owners=True, worker_pool_name="large", limits={"wall": "10 min"}
    )
    def example(data: Any) -> Any:
        return data

    submission = example.submission
    assert submission.input_policy.rules == {"data": MustBe(asset.action_id, asset.label)}
    assert submission.output_policy.limit == 1
    assert submission.share_results_with_owners
    assert submission.pool == "large"
    assert submission.asked == JobLimits(wall_s=600)
    assert "Asks for: wall clock 10 min" in repr(example)
    assert submission.parameters == (Parameter(name="data", annotation="Any"),)

    @syft_function(name="other", worker_pool_name="default-pool")
    def example2() -> None: ...

    assert example2.submission.name == "other"
    assert example2.submission.limits is msgspec.UNSET


def test_an_input_called_limits_is_not_mistaken_for_limits(asset: AssetView) -> None:
    with pytest.raises(InvalidInput, match=r"input_policy=sy.ExactMatch\(limits="):
        syft_function_single_use(limits=asset)  # type: ignore[arg-type]


def test_outside_names_are_warned_of_with_their_lines(capsys: pytest.CaptureFixture[str]) -> None:
    @syft_function()
    def example() -> float:
        return OUTSIDE * math.pi

    line = inspect.getsourcelines(example.local_function)[1] + 2
    printed = capsys.readouterr().out
    assert f"line {line}: uses the variable 'OUTSIDE' from outside: define it inside" in printed
    assert f"line {line}: uses the module 'math', imported outside: write `import math` inside" in printed
    assert "a node will refuse it" in printed


def test_what_cannot_be_sent_is_refused() -> None:
    with pytest.raises(InvalidCode, match="anonymous"):
        syft_function()(lambda x: x)


def test_the_guides_mismatch_is_mapped_and_said(asset: AssetView, capsys: pytest.CaptureFixture[str]) -> None:
    @syft_function(input_policy=ExactMatch(data=asset), output_policy=SingleExecutionExactOutput())
    def example(private_dataset: Any) -> Any:
        return private_dataset.sum()

    assert example.submission.renamed == {"data": "private_dataset"}
    assert set(example.submission.input_policy.rules) == {"private_dataset"}
    printed = capsys.readouterr().out
    assert "names 'data', but the function's parameter is 'private_dataset'" in printed
    assert example(data=asset).get()["A"] == 4
    assert example(private_dataset=asset).get()["A"] == 4


def test_a_mismatch_with_two_readings_is_refused(asset: AssetView) -> None:
    def example(one: Any, other: Any) -> Any:
        return one, other

    with pytest.raises(InvalidInput, match=r"names 'data', but the function takes \(one, other\)"):
        syft_function(input_policy=ExactMatch(data=asset))(example)
    with pytest.raises(InvalidInput, match="names 'a', 'b'"):
        syft_function(input_policy=ExactMatch(a=asset, b=asset))(example)


# Trying


def test_a_try_takes_the_mock_and_says_so(asset: AssetView, capsys: pytest.CaptureFixture[str]) -> None:
    @syft_function(input_policy=ExactMatch(data=asset))
    def example(data: Any) -> Any:
        print("looking at", len(data), "rows")
        return data.sum()

    capsys.readouterr()
    result = example(data=asset)
    printed = capsys.readouterr().out
    assert re.fullmatch(
        r"SyftInfo: Testing 'example' on mock data in an ephemeral server \(isolation: [a-z]+\); "
        "nothing leaves this computer.\nlooking at 3 rows\n",
        printed,
    )
    assert isinstance(result, Pointer)
    assert result.get().to_dict() == {"A": 4, "B": 50}
    assert repr(result) == "Pointer (computed on mock values)\nA     4\nB    50\ndtype: int64"
    assert "Pointer" in result._repr_html_()


def test_a_try_is_in_another_process() -> None:
    @syft_function()
    def where() -> int:
        import os

        return os.getpid()

    assert where().get() != os.getpid()


def test_values_positions_defaults_and_constants() -> None:
    @syft_function(input_policy=MixedInputPolicy(a=int, b=Constant(val=5), c=int))
    def example(a: int, b: int, c: int = 1) -> tuple[int, int, int]:
        return a, b, c

    assert example(1).get() == (1, 5, 1)
    assert example(1, c=2).get() == (1, 5, 2)
    assert example(Pointer.to_value(7)).get() == (7, 5, 1)


@pytest.mark.parametrize(
    ("args", "inputs", "said"),
    [
        ((), {}, "missing required keyword argument: 'x'"),
        ((1, 2), {}, "2 inputs are too many"),
        ((1,), {"x": 2}, "got 'x' twice"),
        ((), {"z": 2}, "Invalid parameter: `z`\nValid parameter: \\['x'\\]"),
    ],
)
def test_inputs_that_it_does_not_take(args: tuple[int, ...], inputs: dict[str, int], said: str) -> None:
    @syft_function()
    def example(x: int) -> int:
        return x

    with pytest.raises(InvalidInput, match=said):
        example(*args, **inputs)


def test_inputs_without_a_mock(admin: Client) -> None:
    @syft_function()
    def example(x: int) -> int:
        return x

    admin.upload_dataset(Dataset("No mock here", asset_list=[Asset("a", data=1, mock=ActionObject.empty())]))
    dataset = admin.datasets["No mock here"]
    with pytest.raises(InvalidInput, match="has no mock; pass a value of your own"):
        example(dataset.assets[0])
    with pytest.raises(InvalidInput, match="takes one asset, not a whole dataset"):
        example(dataset)


def test_an_error_comes_with_the_authors_lines() -> None:
    @syft_function()
    def example(x: dict[str, int]) -> int:
        y = 1
        return y + x["missing"]

    line = inspect.getsourcelines(example.local_function)[1] + 3
    with pytest.raises(CodeFailed) as failed:
        example({})
    text = failed.value.public_message
    assert f"KeyError on line {line}" in text
    assert f'File "{__file__}", line {line}, in example' in text
    assert "KeyError: 'missing'" in text


def test_a_result_that_cannot_travel() -> None:
    @syft_function()
    def example() -> Any:
        return lambda: 1

    with pytest.raises(UnsupportedType, match="functions do not travel"):
        example()


def test_a_run_that_is_ended_from_outside_fails_and_the_next_one_runs() -> None:
    @syft_function()
    def example(kill: bool) -> int:
        import os

        if kill:
            os._exit(3)
        return 1

    with pytest.raises((CodeFailed, LimitExceeded)):
        example(True)
    assert example(False).get() == 1
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


def test_large_values_go_by_file() -> None:
    @syft_function()
    def example(data: Any) -> Any:
        return data * 2

    data = np.arange(1_000_000)
    np.testing.assert_array_equal(example(data).get(), data * 2)


def test_nested_functions(asset: AssetView) -> None:
    @syft_function()
    def process_batch(batch: Any) -> Any:
        return batch.to_numpy().sum()

    @syft_function()
    def aggregate_job(job_results: Any) -> Any:
        return sum(job_results)

    @syft_function_single_use(data=asset)
    def process_all(datasite: Any, data: Any) -> Any:
        import numpy as np

        results = [
            datasite.launch_job(process_batch, batch=data.iloc[part]).result
            for part in np.array_split(np.arange(len(data)), 2)
        ]
        return datasite.launch_job(aggregate_job, job_results=results).result

    assert process_all.submission.nested == ("process_batch", "aggregate_job")
    assert process_all.submission.uses_datasite
    assert process_all(data=asset).get() == 54
    assert process_all(data=asset, syft_no_server=True) == 54


def test_a_try_hands_on_jobs_and_parts_as_the_server_does() -> None:
    @syft_function()
    def size(batch: Any) -> Any:
        return len(batch)

    @syft_function()
    def total(sizes: Any, first: Any) -> Any:
        return sum(sizes["all"]) + sizes["more"][0] + first

    @syft_function()
    def sizes(datasite: Any, data: Any) -> Any:
        jobs = [datasite.launch_job(size, batch=part) for part in data.parts]
        jobs.append(datasite.launch_job(size, batch=data.part(-1)))
        more = (datasite.launch_job(size, batch=data[0]).wait(), "text")
        return datasite.launch_job(total, sizes={"all": jobs, "more": more}, first=jobs[0]).get()

    data = Partitioned([[1] * number for number in (1, 20, 300)])
    assert sizes(data=data).get() == 321 + 300 + 1 + 1
    assert sizes(data=data, syft_no_server=True) == 321 + 300 + 1 + 1


def test_a_try_refuses_parameters_that_are_not_there() -> None:
    @syft_function()
    def size(batch: Any) -> Any:
        return len(batch)

    @syft_function()
    def wrong(datasite: Any) -> Any:
        return datasite.launch_job(size, other=1).result

    with pytest.raises(CodeFailed, match="has no parameter 'other'"):
        wrong()


def test_what_is_launched_must_be_a_syft_function() -> None:
    def plain() -> int:
        return 1

    @syft_function()
    def example(datasite: Any) -> Any:
        return datasite.launch_job(plain).result

    with pytest.raises(CodeFailed, match=re.escape("'plain' is not a Syft function here")):
        example()
    with pytest.raises(InvalidInput, match="launch_job takes a Syft function"):
        example(syft_no_server=True)


def test_functions_that_launch_each_other_for_ever_are_stopped() -> None:
    @syft_function()
    def two(datasite: Any) -> Any:
        return datasite.launch_job(one).result

    @syft_function()
    def one(datasite: Any) -> Any:
        return datasite.launch_job(two).result

    two.captured.nested["one"] = one  # type: ignore[index]
    with pytest.raises(CodeFailed, match=f"at most {MAX_DEPTH} deep"):
        one()


def test_a_try_launches_as_deep_as_a_server() -> None:
    @syft_function()
    def left(datasite: Any, n: int) -> Any:
        return n if n == 0 else datasite.launch_job(right, n=n - 1).result

    @syft_function()
    def right(datasite: Any, n: int) -> Any:
        return n if n == 0 else datasite.launch_job(left, n=n - 1).result

    left.captured.nested["right"] = right  # type: ignore[index]
    assert left(n=MAX_DEPTH).get() == 0
    with pytest.raises(CodeFailed, match=f"at most {MAX_DEPTH} deep"):
        left(n=MAX_DEPTH + 1)


def test_without_a_server(capsys: pytest.CaptureFixture[str], asset: AssetView) -> None:
    @syft_function()
    def example(data: pd.DataFrame) -> int:
        return int(data["A"].sum())

    assert example(data=asset, syft_no_server=True) == 4
    assert "computed on MOCK data" in capsys.readouterr().out


def test_progress_goes_nowhere_in_a_try() -> None:
    @syft_function()
    def example(datasite: Any) -> int:
        datasite.init_progress(2)
        datasite.increment_progress()
        datasite.set_progress(2)
        return 1

    assert example().get() == 1
    assert example(syft_no_server=True) == 1


class Fixed:
    """A runner whose runs end as it is told."""

    level = "process"

    def __init__(self, outcome: Outcome) -> None:
        self.outcome = outcome
        self.closed = 0

    def start(self) -> None: ...

    def run(self, execution: Execution, *, result: BinaryIO, host: Host | None = None) -> Outcome:
        return self.outcome

    def kill(self, uid: str, reason: str) -> bool:
        return False

    def close(self) -> None:
        self.closed += 1


def test_limits_and_lost_runs_are_said(monkeypatch: pytest.MonkeyPatch) -> None:
    @syft_function()
    def example() -> int:
        return 1

    fixed = Fixed(Outcome(status=Status.KILLED, reason="it used more than 300 s"))
    monkeypatch.setattr(trial, "shared", trial.SharedRunner(lambda: fixed))
    with pytest.raises(LimitExceeded, match="'example' was stopped: it used more than 300 s"):
        example()
    fixed.outcome = Outcome(status=Status.LOST, reason="the sandbox was lost")
    with pytest.raises(CodeFailed, match="the sandbox was lost"):
        example()


def test_the_shared_runner_is_made_once_and_closed_once() -> None:
    fixed = Fixed(Outcome(status=Status.FINISHED))
    made: list[Fixed] = []
    shared = trial.SharedRunner(lambda: made.append(fixed) or fixed)  # type: ignore[func-returns-value]
    shared.close()
    shared.warm()
    assert shared.get() is shared.get() is fixed
    shared.close()
    shared.close()
    assert (len(made), fixed.closed) == (1, 1)


def test_making_a_function_does_not_wait_for_the_runner() -> None:
    shared = trial.SharedRunner(EmbeddedRunner)
    shared.warm()
    assert shared.get().level == "", "it would be known if it had waited"
    shared.close()
