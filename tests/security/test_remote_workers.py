"""What a worker on another machine could try that has been taken over; and what others could with its words.

A worker sees the inputs of what it runs, and returns what it likes: nothing can be done about that, which is why its
key is admitted by hand. It must come no further than that.
"""

from __future__ import annotations

import io
import threading
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec
import pytest
from blake3 import blake3

from support.people import Person, on
from support.sites import Cast, fresh, refused, upload
from syft.code.environment import environment_digest, environment_lines
from syft.errors import AuthorizationException, InvalidInput, InvalidState, NotFound, TooManyAttempts
from syft.jobs import order as orders_of
from syft.jobs.order_book import OrderBook
from syft.jobs.remote import RemoteRunner
from syft.jobs.subjobs import SubjobHost
from syft.model.identity import Identity, seal_for
from syft.model.job import JobState
from syft.model.message import Done, Message
from syft.model.messages import objects, users, work, workers
from syft.model.messages.pools import LaunchPool, PoolReply, RemovePool
from syft.model.messages.work import (
    Attend,
    Collect,
    Collected,
    FetchInput,
    FinishOrder,
    Joined,
    JoinPool,
    JoinSecret,
    Launch,
    Launched,
    LaunchView,
    NewsReply,
    OrderView,
    OutcomeView,
    Piece,
    PutResult,
    Ref,
    TakeWork,
    TellOrder,
    WorkReply,
)
from syft.model.pool import PoolSpec, Remote
from syft.model.uid import UID
from syft.model.worker import WorkerState
from syft.node.services import workers as services
from syft.node.worker_keys import MAX_WAITING
from syft.sandbox.contract import Execution, FileInput, InlineInput, Limits, Outcome, Status
from syft.transport.ask import ask
from syft.wire import codec
from syft.wire.records import encode_record

SOURCE = "def f(x):\n    return x\n"


class Machine:
    """A worker without a sandbox: says whatever a test wants."""

    def __init__(self, site: Cast, runner: RemoteRunner, orders: OrderBook, pool: str) -> None:
        self.site = site
        self.pool = pool
        self.runner = runner
        self.orders = orders
        self.person = site.newcomer()
        self.session = UID()

    def join(self, **changed: Any) -> Joined:
        fields = {
            "pool": self.pool,
            "name": "w",
            "slots": 4,
            "level": "landlock",
            "environment": environment_digest(),
            "packages": environment_lines(),
        }
        reply = self.person.say(JoinPool(**(fields | changed)), Joined)
        if reply.session is not None:
            self.session = reply.session
        return reply

    @property
    def view(self) -> workers.WorkerView:
        key = self.person.identity.verify_key.hex()
        views = self.site.admin.say(workers.ListWorkers(), workers.WorkersReply).workers
        return next(view for view in views if view.verify_key == key)

    def admitted(self) -> Machine:
        assert self.join().state is WorkerState.WAITING
        self.site.admin.say(workers.AdmitWorker(self.view.uid, self.view.verify_key), workers.WorkerReply)
        assert self.join().state is WorkerState.ADMITTED
        return self

    def take(self) -> OrderView:
        order = self.person.say(TakeWork(self.session, 5.0), WorkReply).order
        assert order is not None
        return order


class Running:
    """A run that is offered, in a thread."""

    def __init__(self, runner: RemoteRunner, **fields: Any) -> None:
        fields = {"inputs": {"x": InlineInput(codec.encode("private").to_bytes())}, **fields}
        host = fields.pop("host", None)
        self.result = io.BytesIO()
        self.work = Execution(uid=uuid.uuid4().hex, source=SOURCE, entry="f", **fields)
        self._pool = ThreadPoolExecutor(1)
        self.future: Future[Outcome] = self._pool.submit(runner.run, self.work, result=self.result, host=host)


@pytest.fixture
def machine(site: Cast) -> Iterator[Machine]:
    place = site.node.open()
    orders = place.orders
    pool = f"away-{uuid.uuid4().hex}"
    site.admin.say(LaunchPool(PoolSpec(name=pool, engine=Remote())), PoolReply)
    runner = place.equipped.runner_of(pool)
    assert isinstance(runner, RemoteRunner)
    yield Machine(site, runner, orders, pool)
    site.admin.say(RemovePool(pool), Done)


def another(machine: Machine) -> Machine:
    return Machine(machine.site, machine.runner, machine.orders, machine.pool).admitted()


def finished(data: bytes, **changed: Any) -> OutcomeView:
    return OutcomeView(**({"status": "finished", "result_size": len(data), "level": "landlock"} | changed))


# --- who may


def test_a_key_that_was_not_admitted_takes_nothing(machine: Machine) -> None:
    run = Running(machine.runner)
    assert machine.join().state is WorkerState.WAITING
    assert refused(machine.person, TakeWork(machine.session))[0] == "authorization"
    assert not run.future.done()


def test_an_admitted_key_can_do_nothing_else(machine: Machine) -> None:
    uid = upload(machine.site.owner)
    machine.admitted()
    for message in (
        objects.ReadValue(uid),
        objects.FindObjects(),
        workers.ListWorkers(),
        workers.AdmitWorker(UID(), "0" * 64),
    ):
        assert refused(machine.person, message)[0] == "authorization", message


def test_a_key_that_speaks_for_an_account_is_no_workers(machine: Machine) -> None:
    message = JoinPool(machine.pool, "w", 1, "landlock", environment_digest())
    assert refused(machine.site.admin, message)[0] == "invalid_input"
    # Nor does an admitted one become somebody's.
    machine.admitted()
    message = users.Register("w@site.org", "W", machine.person.sealed("123"))
    assert refused(machine.person, message)[0] == "authorization"


def test_strangers_who_ask_are_told_nothing_and_fill_nothing(machine: Machine) -> None:
    first = machine.join(environment="0" * 64, packages=("cpython", "3.0", "abacus", "numpy==0.1"))
    unknown = machine.join(pool="no-such-pool")
    assert first == unknown, "neither whether there is a pool, nor what is installed here"
    assert "no such pool" in machine.view.difference
    with machine.site.node.open().store.reading() as reader:
        events = reader.count_events()
        place = machine.site.node.open()
        for _ in range(MAX_WAITING + 20):
            # As if from as many addresses.
            stranger = machine.site.newcomer()
            place.join_throttle.succeeded("local")
            message = JoinPool(machine.pool, "w", 1, "landlock", "0" * 64)
            stranger.say(message, Joined)
        assert reader.count_events() == events
    known_here = machine.site.admin.say(workers.ListWorkers(), workers.WorkersReply).workers
    assert sum(view.state is WorkerState.WAITING for view in known_here) == MAX_WAITING


def test_an_administrator_admits_the_key_they_have_seen(machine: Machine) -> None:
    machine.join()
    view = machine.view
    other = Identity.generate().verify_key.hex()
    assert refused(machine.site.admin, workers.AdmitWorker(view.uid, other))[0] == "not_found"
    assert machine.join().state is WorkerState.WAITING


def test_a_token_is_worth_nothing_in_anothers_message_or_when_used(machine: Machine) -> None:
    admin = machine.site.admin
    reply = admin.say(workers.MakeJoinToken(machine.pool), workers.JoinTokenReply)
    words = admin.identity.unseal(reply.sealed)
    assert words is not None
    node_key = bytes.fromhex(machine.person.node.verify_key)

    def sealed(sender: Person) -> bytes:
        return seal_for(node_key, encode_record(JoinSecret(words.decode(), sender.identity.verify_key)))

    thief = another(machine)
    thief.person = machine.site.newcomer()
    with pytest.raises(InvalidInput, match="another worker"):
        thief.join(sealed=sealed(machine.person))
    assert machine.join(sealed=sealed(machine.person)).state is WorkerState.ADMITTED
    with pytest.raises(AuthorizationException, match="admits nobody"):
        thief.join(sealed=sealed(thief.person))
    with machine.site.node.open().store.reading() as reader:
        assert words.decode() not in repr(reader.events())


def test_a_worker_with_other_packages_is_told_what_differs(machine: Machine) -> None:
    machine.admitted()
    lines = tuple("numpy==0.1" if line.startswith("numpy==") else line for line in environment_lines())
    with pytest.raises(InvalidState, match=r"numpy: .* here, 0\.1 there"):
        machine.join(environment="0" * 64, packages=lines)


# --- what it holds, and nothing else


def test_values_of_others_orders_are_not_fetched(machine: Machine, tmp_path: Path) -> None:
    machine.admitted()
    other = another(machine)
    secret = codec.encode("x" * 200_000).to_bytes()
    (tmp_path / "secret").write_bytes(secret)
    digest = blake3(secret).hexdigest()
    Running(machine.runner, inputs={"x": FileInput(tmp_path / "secret")})
    order = machine.take()
    assert machine.person.say(FetchInput(order.uid, order.token, digest), Piece).size == len(secret)
    Running(machine.runner)
    own = other.take()
    for message in (
        FetchInput(order.uid, order.token, digest),  # another's order, whose token it has learnt somehow
        FetchInput(own.uid, order.token, digest),
        FetchInput(own.uid, own.token, digest),  # a value that its own order does not take
        FetchInput(own.uid, b"", digest),
    ):
        assert refused(other.person, message)[0] == "not_found", message
    # A value of the node's that no order takes.
    assert refused(machine.person, FetchInput(order.uid, order.token, "ab" * 32))[0] == "not_found"


def test_nobody_speaks_for_anothers_order(machine: Machine) -> None:
    machine.admitted()
    other = another(machine)
    run = Running(machine.runner)
    order = machine.take()
    data = codec.encode("forged").to_bytes()
    for message in (
        FinishOrder(order.uid, order.token, finished(data), 0, blake3(data).hexdigest()),
        PutResult(order.uid, order.token),
        TellOrder(order.uid, order.token, 1, 2),
        Launch(order.uid, order.token, ()),
        Collect(order.uid, order.token, 1),
    ):
        assert refused(other.person, message)[0] == "not_found", message
    with pytest.raises(NotFound):
        other.person.say(TakeWork(machine.session), WorkReply)
    assert not run.future.done()


def test_what_is_said_of_an_order_that_was_given_up_is_not_heard(machine: Machine) -> None:
    machine.admitted()
    first = Running(machine.runner)
    order = machine.take()
    machine.orders.lose(order.uid, "an engine said so")
    assert first.future.result(5).status is Status.LOST
    second = Running(machine.runner)
    again = machine.take()
    data = codec.encode("late").to_bytes()
    late = FinishOrder(order.uid, order.token, finished(data), 0, blake3(data).hexdigest())
    mixed = FinishOrder(again.uid, order.token, finished(data), 0, blake3(data).hexdigest())
    for message in (late, mixed):
        with pytest.raises(NotFound):
            ask(machine.person.route, machine.person.identity, machine.person.node, message, data)
    assert not second.future.done()
    assert first.result.getvalue() == b""


def test_an_earlier_process_with_the_same_key_is_not_heard(machine: Machine) -> None:
    machine.admitted()
    run = Running(machine.runner)
    order, before = machine.take(), machine.session
    machine.join()
    assert run.future.result(5).status is Status.LOST
    with pytest.raises(NotFound):
        machine.person.say(TellOrder(order.uid, order.token, 1), Done)
    with pytest.raises(InvalidState, match="Another process"):
        machine.person.say(TakeWork(before), WorkReply)


def test_a_revoked_key_loses_all_at_once(machine: Machine) -> None:
    machine.admitted()
    run = Running(machine.runner)
    order = machine.take()
    waiting = threading.Thread(target=lambda: refused(machine.person, TakeWork(machine.session, 20.0)))
    waiting.start()
    machine.site.admin.say(workers.RevokeWorker(machine.view.uid), workers.WorkerReply)
    assert run.future.result(5).status is Status.LOST
    waiting.join(5)
    assert not waiting.is_alive()
    for message in (TakeWork(machine.session), TellOrder(order.uid, order.token)):
        assert refused(machine.person, message)[0] == "authorization"
    with pytest.raises(AuthorizationException, match="revoked"):
        machine.join()


# --- what it says


def test_free_text_of_a_worker_does_not_reach_the_requester(machine: Machine) -> None:
    """Differential: what a sandbox says itself comes through, what holds a value does not."""
    machine.admitted()
    spoken = {
        ("failed", "ValueError on line 2"): "ValueError on line 2",
        ("failed", "ValueError on line 99"): "ValueError",
        ("failed", "JaneDoe on line 1"): "Exception on line 1",
        ("failed", "ValueError on line 2: Jane Doe"): "ValueError on line 2",
        ("failed", "Jane Doe earns 7"): "Exception",
        ("failed", "the code ended its own process, with exit status 3"): (
            "the code ended its own process, with exit status 3"
        ),
        ("failed", "the result cannot travel: it is, or contains, a value of type JaneDoe"): (
            "the result cannot travel: it is, or contains, a value of a type that is not supported"
        ),
        ("killed", "CPU limit 60 s exceeded"): "CPU limit 60 s exceeded",
        ("killed", "Jane Doe"): "it used more than it may",
    }
    for (status, said), told in spoken.items():
        run = Running(machine.runner)
        order = machine.take()
        view = OutcomeView(
            status=status, reason=said, error_type="JaneDoe", error_line=10**9, level="landlock"
        )
        machine.person.say(FinishOrder(order.uid, order.token, view), Done)
        outcome = run.future.result(5)
        assert (outcome.status.value, outcome.reason) == (status, told)
        assert outcome.error_type == "Exception"
        assert outcome.error_line is None


@pytest.mark.parametrize(
    "changed",
    [
        {"status": "released"},
        {"status": ""},
        {"level": "fortress"},
        {"wall_s": float("nan")},
        {"cpu_s": -1.0},
        {"max_rss_bytes": -1},
        {"result_type": "Jane Doe"},
        {"result_type": "x" * 1000},
        {"result_shape": (-1,)},
        {"result_shape": (1,) * 1000},
        {"result_size": 10**6},
        {"stdout": "x" * (3 << 20)},
    ],
    ids=str,
)
def test_an_outcome_that_is_none_is_refused(machine: Machine, changed: dict[str, Any]) -> None:
    machine.admitted()
    run = Running(machine.runner)
    order = machine.take()
    data = codec.encode(1).to_bytes()
    digest = blake3(data).hexdigest()
    said = FinishOrder(order.uid, order.token, finished(data, **changed), 0, digest)
    with pytest.raises(InvalidInput):
        machine.person.say(said, Done, data)
    assert not run.future.done()
    # What it has brought already is not taken twice.
    machine.person.say(FinishOrder(order.uid, order.token, finished(data), 0, digest), Done, data)
    assert run.future.result(5).status is Status.FINISHED
    assert run.result.getvalue() == data


def test_a_result_with_other_bytes_than_were_said_is_refused(machine: Machine) -> None:
    machine.admitted()
    run = Running(machine.runner)
    order = machine.take()
    data = codec.encode(1).to_bytes()
    said = FinishOrder(order.uid, order.token, finished(data), 0, "0" * 64)
    with pytest.raises(InvalidInput, match="not what was said"):
        machine.person.say(said, Done, data)
    with pytest.raises(InvalidInput, match="goes on at"):
        machine.person.say(PutResult(order.uid, order.token, 10**9), Done, b"x")
    assert not run.future.done()


def test_a_result_over_the_limit_ends_the_run(machine: Machine) -> None:
    machine.admitted()
    run = Running(machine.runner, limits=Limits(output_bytes=1000))
    order = machine.take()
    with pytest.raises(InvalidState, match="over"):
        machine.person.say(PutResult(order.uid, order.token), Done, bytes(2000))
    outcome = run.future.result(5)
    assert (outcome.status, outcome.reason) == (Status.KILLED, "output limit 1000 bytes exceeded")
    assert run.result.getvalue() == b""


class Quiet:
    """A host that counts what it is told."""

    def __init__(self) -> None:
        self.launched: list[tuple[int, str, dict[str, bytes], list[Any]]] = []
        self.text = ""

    def launch_job(self, call: int, name: str, inputs: Any, references: Any = ()) -> None:
        self.launched.append((call, name, dict(inputs), list(references)))

    def collect(self, call: int) -> bytes:
        return b"r" * call

    def progress(self, current: int, total: int | None) -> None:
        pass

    def printed(self, stream: str, text: str) -> None:
        self.text += text


def test_launches_are_bounded_numbered_and_of_names_that_were_submitted(machine: Machine) -> None:
    machine.admitted()
    host = Quiet()
    run = Running(machine.runner, links=frozenset({"part"}), host=host)
    order = machine.take()

    def launch(*views: LaunchView, data: bytes = b"") -> Launched:
        return machine.person.say(Launch(order.uid, order.token, views), Launched, data)

    (refusal,) = launch(LaunchView(call=1, name="other")).refused
    assert refusal.call == 1
    assert (
        launch(
            LaunchView(call=2, name="part", sizes={"x": 3}, references=(Ref(call=1),)), data=b"abc"
        ).refused
        == ()
    )
    assert [one[:3] for one in host.launched] == [(2, "part", {"x": b"abc"})]
    # Said again, since an answer got lost: launched once.
    assert launch(LaunchView(call=2, name="part", sizes={"x": 3}), data=b"abc").refused == ()
    assert len(host.launched) == 1
    for view in (
        LaunchView(call=9, name="part"),
        LaunchView(call=3, name="part", sizes={"x": 5}),
        LaunchView(call=3, name="part", sizes={"x": -1, "y": 1}),
        LaunchView(call=3, name="part", sizes={"not a name": 0}),
        LaunchView(call=3, name="part", references=(Ref(name="../x"),)),
    ):
        with pytest.raises(InvalidInput):
            launch(view)
    assert len(host.launched) == 1
    for call in (0, -1, 3, 2**62):
        with pytest.raises(NotFound):
            machine.person.say(Collect(order.uid, order.token, call), Collected)
    assert not run.future.done()


def test_printed_text_is_no_more_than_would_be_kept(machine: Machine) -> None:
    machine.admitted()
    host = Quiet()
    run = Running(machine.runner, limits=Limits(printed_bytes=1000), host=host)
    order = machine.take()
    for _ in range(10):
        machine.person.say(TellOrder(order.uid, order.token, stdout="x" * 300), Done)
    data = codec.encode(1).to_bytes()
    message = FinishOrder(order.uid, order.token, finished(data), 0, blake3(data).hexdigest())
    machine.person.say(message, Done, data)
    run.future.result(5)
    assert host.text == "x" * 1000


def test_answers_that_wait_are_bounded(machine: Machine) -> None:
    """A worker that asks a thousand times holds two of the server's threads, not all."""
    machine.admitted()
    with ThreadPoolExecutor(8) as pool:
        asking = [
            pool.submit(machine.person.say, TakeWork(machine.session, 1.0), WorkReply) for _ in range(8)
        ]
        done = [one for one in asking if one.result(10).order is None]
    assert len(done) == 8
    news = machine.person.say(Attend(machine.session, tuple(UID() for _ in range(3)), 0, 5.0), NewsReply).news
    assert len(news) == 3, "orders that it does not have are to be ended"
    many = Attend(machine.session, tuple(UID() for _ in range(2001)))
    assert refused(machine.person, many)[0] == "invalid_input"


KINDS = [
    JoinPool,
    TakeWork,
    Attend,
    FetchInput,
    PutResult,
    TellOrder,
    FinishOrder,
    Launch,
    Collect,
    work.PutLaunch,
]


@pytest.mark.parametrize("kind", KINDS)
def test_fields_at_their_ends_said_by_a_worker(machine: Machine, kind: type[Message]) -> None:
    machine.admitted()
    Running(machine.runner, links=frozenset({"part"}), host=Quiet())
    order = machine.take()
    known: dict[str, Any] = {
        "order": order.uid,
        "token": order.token,
        "session": machine.session,
        "outcome": OutcomeView(status="failed"),
        "launches": (),
        "pool": machine.pool,
        "name": "w",
        "slots": 1,
        "level": "landlock",
        "environment": environment_digest(),
        "digest": "0" * 64,
        "call": 1,
    }
    numbers = (-1, 2**31, 2**63 - 1, -(2**63), 2**64 - 1)
    words = ("", "\x00", "../../etc/passwd", "x" * 100_000, "\u202e")
    ends = {
        int: numbers,
        float: (float("nan"), float("-inf"), -1.0, 5e-324),
        str: words,
        bytes: (b"", b"\xff" * 1000),
    }
    for field in msgspec.structs.fields(kind):
        for value in ends.get(field.type, ()):  # type: ignore[call-overload]
            fields = {one.name: known[one.name] for one in msgspec.structs.fields(kind) if one.name in known}
            code, text = refused(machine.person, kind(**(fields | {field.name: value})))
            assert code != "internal", (field.name, repr(value)[:50], text)


# --- pools of one name, tokens, and workers that do not do as they are told


def token(machine: Machine, uses: int = 5) -> str:
    admin = machine.site.admin
    reply = admin.say(workers.MakeJoinToken(machine.pool, uses), workers.JoinTokenReply)
    words = admin.identity.unseal(reply.sealed)
    assert words is not None
    return words.decode()


def join_by(machine: Machine, words: str) -> Joined:
    secret = JoinSecret(words, machine.person.identity.verify_key)
    return machine.join(sealed=seal_for(bytes.fromhex(machine.person.node.verify_key), encode_record(secret)))


def test_who_was_admitted_to_a_pool_that_was_removed_has_nothing_of_its_namesake(machine: Machine) -> None:
    """The new one may ask for a stronger fence, or be for others' machines: nobody was admitted to that."""
    admin = machine.site.admin
    machine.admitted()
    words = token(machine)
    assert machine.person.say(TakeWork(machine.session), WorkReply).order is None, "outside: it may"
    admin.say(RemovePool(machine.pool), Done)
    admin.say(LaunchPool(PoolSpec(name=machine.pool, engine=Remote(), isolation="namespaces")), PoolReply)
    runner = machine.site.site.equipped.runner_of(machine.pool)
    assert isinstance(runner, RemoteRunner)
    machine.runner = runner
    run = Running(runner)
    assert refused(machine.person, TakeWork(machine.session, 1.0))[0] == "authorization"
    with pytest.raises(AuthorizationException, match="revoked"):
        machine.join()
    late = Machine(machine.site, runner, machine.orders, machine.pool)
    with pytest.raises(AuthorizationException, match="admits nobody"):
        join_by(late, words)
    assert machine.orders.slots(machine.pool) == 0
    # Who is decided about anew may, if its fence is what this pool asks for.
    admin.say(workers.AdmitWorker(machine.view.uid, machine.view.verify_key), workers.WorkerReply)
    with pytest.raises(InvalidState, match="isolation level"):
        machine.join()
    assert machine.join(level="namespaces").state is WorkerState.ADMITTED
    assert machine.take().entry == "f"
    assert not run.future.done()


def test_a_revoked_worker_is_not_there_again_with_another_key(machine: Machine) -> None:
    """A machine that was taken over has what it was started with: a token with uses left is one."""
    words = token(machine)
    assert join_by(machine, words).state is WorkerState.ADMITTED
    second = Machine(machine.site, machine.runner, machine.orders, machine.pool)
    assert join_by(second, words).state is WorkerState.ADMITTED, "outside: while nobody was revoked"
    machine.site.admin.say(workers.RevokeWorker(machine.view.uid), workers.WorkerReply)
    again = Machine(machine.site, machine.runner, machine.orders, machine.pool)
    with pytest.raises(AuthorizationException, match="admits nobody"):
        join_by(again, words)
    # Others that have joined go on, and a new token admits.
    assert second.join().state is WorkerState.ADMITTED
    assert join_by(again, token(machine)).state is WorkerState.ADMITTED


def test_workers_that_were_revoked_are_not_counted(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where machines come and go, each with a key of its own, the node would admit none any more one day."""
    there = sum(one.state is WorkerState.ADMITTED for one in machine.site.site.worker_keys.every())
    monkeypatch.setattr(services, "MAX_WORKERS", there + 1)
    machine.admitted()
    with pytest.raises(TooManyAttempts, match="Revoke some"):
        another(machine)
    machine.site.admin.say(workers.RevokeWorker(machine.view.uid), workers.WorkerReply)
    another(machine)


def test_a_worker_that_does_not_end_what_it_is_to_end_holds_it_no_longer_than_a_lease(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says that it is there, and of the order nothing: the job would be running for ever, killed or not."""
    machine.admitted()
    run = Running(machine.runner)
    order = machine.take()
    monkeypatch.setattr(machine.orders, "lease_s", 0.4)
    for _ in range(8):
        machine.person.say(Attend(machine.session, (order.uid,)), NewsReply)
        machine.orders.expire()
        time.sleep(0.1)
    assert not run.future.done(), "outside: as long as it is there and nobody wants it killed, it has it"
    assert machine.runner.kill(run.work.uid, "nobody wants it")
    for _ in range(100):
        machine.person.say(Attend(machine.session, (order.uid,)), NewsReply)
        machine.orders.expire()
        if run.future.done():
            break
        time.sleep(0.05)
    else:
        raise AssertionError("it is held for as long as its worker says so")
    outcome = run.future.result(1)
    assert (outcome.status, outcome.reason) == (Status.KILLED, "nobody wants it")
    assert refused(machine.person, TellOrder(order.uid, order.token, 1))[0] == "not_found"


def test_a_worker_that_never_ends_a_run_holds_it_no_longer_than_the_run_may_last(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody has it killed, and nobody would: to everybody it is running, with a thread of the pool's crew."""
    machine.admitted()
    monkeypatch.setattr(machine.orders, "lease_s", 0.4)
    value = codec.encode("private" * 30_000).to_bytes()
    runs = [
        Running(machine.runner, inputs={"x": InlineInput(value)}, limits=Limits(wall_s=wall_s))
        for wall_s in (0.5, 60.0)
    ]
    taken = {order.limits["wall_s"]: order for order in (machine.take(), machine.take())}
    monkeypatch.setattr(orders_of, "START_S", 0.2, raising=False)
    order = taken[0.5]
    fetch = FetchInput(order.uid, order.token, order.inputs["x"].digest)
    for _ in range(200):
        # Neither that it is there, nor fetching again and again, makes the run's time longer.
        machine.person.say(Attend(machine.session, (order.uid, taken[60.0].uid)), NewsReply)
        refused(machine.person, fetch)
        machine.orders.expire()
        if runs[0].future.done():
            break
        time.sleep(0.03)
    else:
        raise AssertionError("it is held for as long as its worker says so")
    assert runs[0].future.result(1).status is Status.LOST
    assert not runs[1].future.done(), "outside: one that may last longer"


@pytest.mark.parametrize("kind", ["take", "attend"])
def test_a_worker_that_asks_again_has_one_answer_waiting(machine: Machine, kind: str) -> None:
    """Each that waits holds a thread of the server's: one worker must not have those of all others."""
    machine.admitted()

    def ask_and_wait() -> None:
        if kind == "take":
            assert machine.person.say(TakeWork(machine.session, 60.0), WorkReply).order is None
        else:
            assert not machine.person.say(Attend(machine.session, (), 0, 60.0), NewsReply).news

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(ask_and_wait)
        try:
            asked = time.monotonic()
            while not machine.orders._polls:
                assert time.monotonic() - asked < 5
                time.sleep(0.01)
            pool.submit(ask_and_wait)
            first.result(2)
        finally:
            machine.person.say(work.LeavePool(machine.session), Done)


def test_workers_that_come_all_at_once_do_not_take_peoples_threads(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a start each of a hundred finds room before any of them waits."""
    machine.admitted()
    second = another(machine)
    monkeypatch.setattr("syft.jobs.order_book.MAX_WAITING", 1)
    # As its handler has asked before the first waits.
    monkeypatch.setattr("syft.node.services.work._patience", lambda _ctx, wait_s: (wait_s, 0.0))
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(machine.person.say, TakeWork(machine.session, 30.0), WorkReply)
        try:
            asked = time.monotonic()
            while not machine.orders._polls:
                assert time.monotonic() - asked < 5
                time.sleep(0.01)
            for message, kind in (
                (TakeWork(second.session, 30.0), WorkReply),
                (Attend(second.session, (), 0, 30.0), NewsReply),
            ):
                pool.submit(second.person.say, message, kind).result(3)
            assert not first.done(), "outside: there is room for one"
        finally:
            for one in (machine, second):
                one.person.say(work.LeavePool(one.session), Done)


# --- what an approval says of where code runs


def test_what_was_approved_for_the_nodes_own_machine_does_not_leave_it(machine: Machine) -> None:
    """THREATS 1.1: the pool is removed, and another of its name gives what it has to workers elsewhere."""
    site = machine.site
    name = f"here-{uuid.uuid4().hex}"
    site.admin.say(LaunchPool(PoolSpec(name=name)), PoolReply)
    data = upload(site.owner)
    request = site.scientist.request(fresh("return data", data, pool=name, limit=9))
    site.owner.approve(request)
    function = request.code.submission.name
    assert site.scientist.call(function, data=on(data)).state is JobState.RELEASED, "outside: in that pool"
    site.admin.say(RemovePool(name), Done)
    site.admin.say(LaunchPool(PoolSpec(name=name, engine=Remote())), PoolReply)
    away = Machine(site, machine.runner, machine.orders, name).admitted()
    job = site.scientist.call(function, wait_s=5, data=on(data))
    assert (job.state, job.error_code) == (JobState.FAILED, "not_approved"), job
    assert "its worker pool" in job.note
    assert away.person.say(TakeWork(away.session), WorkReply).order is None
    # What the owner approves now, knowing that, goes there.
    anew = site.scientist.request(fresh("return data", data, pool=name))
    site.owner.approve(anew)
    site.scientist.call(anew.code.submission.name, wait_s=0, data=on(data))
    assert away.take().entry == anew.code.submission.name
    site.admin.say(RemovePool(name), Done)


def test_a_launched_function_runs_in_the_pool_that_was_there_when_its_parent_began(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was compared with the approval is what runs, also of what is launched an hour later."""
    site = machine.site
    name = f"help-{uuid.uuid4().hex}"
    site.admin.say(LaunchPool(PoolSpec(name=name)), PoolReply)
    data = upload(site.owner)
    helper = fresh("return 1", pool=name)
    site.scientist.submit(helper)
    body = f"return datasite.launch_job({helper.name}).result"
    request = site.scientist.request(fresh(body, data, uses_datasite=True, nested=(helper.name,), limit=9))
    site.owner.approve(request)
    function = request.code.submission.name
    assert site.scientist.call(function, data=on(data)).state is JobState.RELEASED, "outside: it is launched"
    away: list[Machine] = []
    launch_job = SubjobHost.launch_job

    def swapped(self: SubjobHost, *given: Any) -> None:
        site.admin.say(RemovePool(name), Done)
        site.admin.say(LaunchPool(PoolSpec(name=name, engine=Remote())), PoolReply)
        away.append(Machine(site, machine.runner, machine.orders, name).admitted())
        launch_job(self, *given)

    monkeypatch.setattr(SubjobHost, "launch_job", swapped)
    job = site.scientist.call(function, wait_s=10, data=on(data))
    for one in away:
        assert one.person.say(TakeWork(one.session, 1.0), WorkReply).order is None
    site.admin.say(RemovePool(name), Done)
    assert away
    assert job.state is not JobState.RELEASED


def test_what_a_stranger_says_of_its_packages_is_kept_in_brief(machine: Machine) -> None:
    """THREATS 2.5: a hundred keys are remembered that anybody can make, each with what differs."""
    long = "x" * 500_000
    machine.join(
        environment=long, packages=(long, long, long, *(f"{number}{long[:9000]}==1" for number in range(50)))
    )
    assert "there" in machine.view.difference
    assert len(machine.view.difference) < 5_000
