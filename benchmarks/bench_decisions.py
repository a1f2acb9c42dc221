"""What a decision costs: an approval, a revocation, and what being approved adds to a run. A real server, over HTTP.

    python benchmarks/bench_decisions.py

Figures as JSON on standard output; `docs/performance.md` explains them. Part of `bench_datasite.py`, group `decisions`.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Iterator
from typing import Any

import msgspec
from measure import Measure

import syft as sy
from syft.client.present import settings
from syft.model.code import CodeSubmission, CustomPolicy, InputPolicy, MustBe, OfType, OutputPolicy, Parameter
from syft.model.job import JobState, ObjectArgument, ValueArgument
from syft.model.messages.codes import CodeReply, SubmitCode
from syft.model.messages.jobs import CallCode, JobReply
from syft.model.messages.requests import ApproveRequest, CreateRequest, DenyRequest, RequestReply
from syft.model.messages.results import HeldResultReply, ReleaseResult
from syft.model.terms import Terms
from syft.wire.codec import encode

ROOT = {"email": "info@openmined.org", "password": "changethis"}
ADA = {"email": "ada@example.org", "password": "lovelace"}
# The issue's: what a decision costs beside the run itself.
TARGET_MS = 20.0
DECISIONS = 200
PAIRS = 200
WARM_UP = 20


# A policy of its author's own: counts, and lets out what it is given.
COUNTS = CustomPolicy(
    name="Counts",
    source="""\
class Counts:
    def __init__(self):
        self.given = 0

    def is_valid(self, context):
        return True

    def apply_to_output(self, context, outputs, update_policy=True):
        self.given += 1
        return outputs
""",
)


def submission(name: str, data: Any = None, custom: Any = msgspec.UNSET) -> CodeSubmission:
    """A function that does nothing, of some data and a number of the caller's."""
    rules = {"data": MustBe(data) if data is not None else OfType("int"), "n": OfType("int")}
    return CodeSubmission(
        name=name,
        source=f"def {name}(data, n):\n    return n\n",
        parameters=(Parameter(name="data"), Parameter(name="n")),
        input_policy=InputPolicy(kind="mixed", rules=rules),
        output_policy=OutputPolicy(limit=10_000, custom=custom),
    )


def value(number: int) -> ValueArgument:
    """That number, as an argument of the caller's own."""
    return ValueArgument(value=encode(number).to_bytes())


def timed_call(client: Any, name: str, data: Any, number: int) -> float:
    """How long a call takes until its result is there, in milliseconds; other inputs each time."""
    message = CallCode({"data": data, "n": value(number)}, None, name, 25)
    began = time.perf_counter()
    job = client.ask(message, JobReply).job
    took = (time.perf_counter() - began) * 1000
    if job.state is not JobState.RELEASED:
        raise SystemExit(f"{name}: {job.state.name} {job.note}")
    return took


def bench_decisions() -> Iterator[Measure]:
    """An approval and a revocation; a run under an approval beside the same run on a value of one's own."""
    approve = Measure("approve a request, there and back", target=TARGET_MS)
    revoke = Measure("take an approval back, there and back", target=TARGET_MS)
    trial = Measure("a run on a value of one's own, from call to result", target=None)
    private = Measure("... the same under an approval", target=None)
    added = Measure("... what being approved adds to a run", target=TARGET_MS)
    own = Measure("... and what an output policy of its author's own adds to that", target=TARGET_MS)
    held = Measure("let a held result go, there and back", target=TARGET_MS)
    with sy.orchestra.launch(name="decisions", port="auto", reset=True) as node:
        owner = sy.login(url="localhost", port=node.port, **ROOT)
        owner.settings.allow_guest_signup(enable=True)
        sy.login_as_guest(url="localhost", port=node.port).register(name="Ada", **ADA)
        ada = sy.login(url="localhost", port=node.port, **ADA)
        owner.users["ada@example.org"].allow_mock_execution()
        owner.upload_dataset(sy.Dataset(name="numbers", asset_list=[sy.Asset(name="one", data=1, mock=0)]))
        data = owner.datasets["numbers"].assets[0].action_id
        for number in range(DECISIONS):
            request = ada.ask(CreateRequest(submission(f"decided{number}", data)), RequestReply).request
            yes = ApproveRequest(request.uid, request.code.digest)
            with approve.timed():
                owner.ask(yes, RequestReply)
            with revoke.timed():
                owner.ask(DenyRequest(request.uid, "changed my mind"), RequestReply)
        request = ada.ask(CreateRequest(submission("approved", data)), RequestReply).request
        owner.ask(ApproveRequest(request.uid, request.code.digest), RequestReply)
        ada.ask(SubmitCode(submission("tried")), CodeReply)
        request = ada.ask(CreateRequest(submission("counted", data, COUNTS)), RequestReply).request
        owner.ask(ApproveRequest(request.uid, request.code.digest), RequestReply)
        request = ada.ask(CreateRequest(submission("looked_at", data)), RequestReply).request
        owner.ask(ApproveRequest(request.uid, request.code.digest, terms=Terms(review=True)), RequestReply)
        # One after the other, in turns: what the machine does meanwhile, it does to both.
        for number in range(WARM_UP + PAIRS):
            alone = timed_call(ada, "tried", value(1), number)
            decided = timed_call(ada, "approved", ObjectArgument(data), number)
            counted = timed_call(ada, "counted", ObjectArgument(data), number)
            looked_at = {"data": ObjectArgument(data), "n": value(number)}
            job = ada.ask(CallCode(looked_at, None, "looked_at", 25), JobReply).job
            began = time.perf_counter()
            owner.ask(ReleaseResult(job.uid), HeldResultReply)
            let_go = (time.perf_counter() - began) * 1000
            if number >= WARM_UP:
                own.add(counted - decided)
                held.add(let_go)
                trial.add(alone)
                private.add(decided)
                added.add(decided - alone)
    added.notes["difference_of_medians"] = round(
        statistics.median(private.values) - statistics.median(trial.values), 3
    )
    yield from (approve, revoke, trial, private, added, own, held)


if __name__ == "__main__":
    settings.quiet = True
    print(json.dumps([one.report() for one in bench_decisions()], indent=1))
