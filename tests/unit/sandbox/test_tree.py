"""Who of a tree of runs waits, runs, and gets what: with runs that are threads of this process."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, BinaryIO, cast

import pytest

from syft.errors import CodeFailed, InvalidInput, InvalidState, LimitExceeded, NotFound, SyftException
from syft.policy.limits import MAX_DEPTH
from syft.sandbox import tree as tree_module
from syft.sandbox.contract import FileInput, Host, InlineInput, Input, OfInput, OfLaunched, Stream
from syft.sandbox.hold import PIECE_BYTES, Free, Hold
from syft.sandbox.tree import ATTEMPTS, Lost, Tree
from syft.wire import codec
from syft.wire.types_partitioned import Partitioned

Work = Callable[["Running"], Any]


class Running:
    """A launched function, as its work sees it."""

    def __init__(self, world: World, name: str) -> None:
        self.world = world
        self.name = name
        self.inputs: Mapping[str, Input] = {}
        self.references: tuple[Input, ...] = ()
        self.host: Host = cast(Host, None)
        self.stopped = threading.Event()
        self.known = False

    def value(self, name: str) -> Any:
        return codec.decode(
            read(self.inputs[name]), placed=[codec.decode(read(one)) for one in self.references]
        )

    def admit(self, name: str, given: Collection[str]) -> Running:
        return self.world.admit(name, given)

    def tell(self, current: int, total: int | None) -> None:
        pass

    def hear(self, stream: Stream, text: str) -> None:
        pass

    def run(
        self, inputs: Mapping[str, Input], references: tuple[Input, ...], host: Host, result: BinaryIO
    ) -> None:
        self.inputs, self.references, self.host = inputs, references, host
        with self.world.lock:
            self.world.going_on += 1
            self.world.most = max(self.world.most, self.world.going_on)
            self.world.order.append(self.name)
        self.known = True
        try:
            result.write(encoded(self.world.works[self.name](self)))
        finally:
            with self.world.lock:
                self.world.going_on -= 1

    def stop(self, reason: str) -> bool:
        if self.known:
            self.stopped.set()
        return self.known

    def wait_to_be_stopped(self) -> None:
        assert self.stopped.wait(20)
        raise InvalidState("stopped")


class World:
    """What may be launched."""

    def __init__(self, **works: Work) -> None:
        self.works = works
        self.lock = threading.Lock()
        self.going_on = 0
        self.most = 0
        self.order: list[str] = []

    def admit(self, name: str, given: Collection[str]) -> Running:
        if name not in self.works:
            raise NotFound(f"no {name}")
        return Running(self, name)

    def tell(self, current: int, total: int | None) -> None:
        pass

    def hear(self, stream: Stream, text: str) -> None:
        pass


def encoded(value: object) -> bytes:
    return codec.encode(value, stand_in=lambda one: one).to_bytes()


def read(one: Input) -> bytes:
    if isinstance(one, InlineInput):
        return one.data
    with one.path.open("rb") as file:
        file.seek(one.offset)
        return file.read(-1 if one.size is None else one.size)


def collected(host: Host, call: int) -> Any:
    value = host.collect(call)
    if isinstance(value, bytes):
        return codec.decode(value)
    with value:
        return codec.decode(value.read())


@pytest.fixture
def planted() -> Iterator[Callable[..., Tree]]:
    trees: list[Tree] = []

    def plant(world: World, inputs: Mapping[str, Input] | None = None, **options: Any) -> Tree:
        trees.append(Tree(world, inputs or {}, **options))
        return trees[-1]

    yield plant
    for tree in trees:
        tree.close()
    # They have nothing more to do, and are about to go.
    for thread in threading.enumerate():
        if thread.name == "syft-launch":
            thread.join(20)
            assert not thread.is_alive()


Plant = Callable[..., Tree]


def test_any_number_waits_and_so_many_run_in_order(planted: Plant) -> None:
    world = World(part=lambda run: run.value("x"))
    tree = planted(world, at_once=3)
    for call in range(1, 501):
        tree.host.launch_job(call, "part", {"x": encoded(call)})
    assert [collected(tree.host, call) for call in range(500, 0, -1)] == list(range(500, 0, -1))
    assert world.most <= 3
    assert collected(tree.host, 7) == 7, "more than once"


def test_results_go_from_one_to_another(planted: Plant) -> None:
    large = bytes(3 * PIECE_BYTES)
    world = World(
        part=lambda run: [run.value("x"), large],
        both=lambda run: [one[0] for one in run.value("rows")] + [len(run.value("rows")[0][1])],
    )
    tree = planted(world, at_once=1)
    tree.host.launch_job(1, "part", {"x": encoded(1)})
    tree.host.launch_job(2, "part", {"x": encoded(2)})
    rows = encoded([codec.Placeholder(1), codec.Placeholder(0)])
    tree.host.launch_job(3, "both", {"rows": rows}, [OfLaunched(1), OfLaunched(2)])
    assert collected(tree.host, 3) == [2, 1, len(large)]


def test_what_waits_for_others_does_not_take_their_place(planted: Plant) -> None:
    """One at a time, each launches and waits: as deep as may be, without standing still."""

    def deeper(run: Running) -> Any:
        left = run.value("x")
        if not left:
            return 1
        run.host.launch_job(1, "deeper", {"x": encoded(left - 1)})
        run.host.launch_job(2, "deeper", {"x": encoded(0)})
        return collected(run.host, 1) + collected(run.host, 2)

    world = World(deeper=deeper)
    tree = planted(world, at_once=1)
    for call in range(1, 6):
        tree.host.launch_job(call, "deeper", {"x": encoded(5)})
    assert [collected(tree.host, call) for call in range(1, 6)] == [6] * 5
    # What a run waits for comes before what has yet to begin: one chain is there at a time.
    assert world.most <= 7


def test_deeper_than_anybody_means_it_is_refused(planted: Plant) -> None:
    def endless(run: Running) -> Any:
        try:
            run.host.launch_job(1, "endless", {})
        except LimitExceeded:
            return 1
        return collected(run.host, 1) + 1

    tree = planted(World(endless=endless))
    tree.host.launch_job(1, "endless", {})
    assert collected(tree.host, 1) == MAX_DEPTH


def test_who_fails_is_told_to_all_who_ask_or_were_to_have_it(planted: Plant) -> None:
    def fail(run: Running) -> Any:
        raise CodeFailed("on line 3")

    tree = planted(World(fail=fail, part=lambda run: 1))
    tree.host.launch_job(1, "fail", {})
    tree.host.launch_job(2, "part", {"x": encoded(codec.Placeholder(0))}, [OfLaunched(1)])
    tree.host.launch_job(3, "part", {"x": encoded(codec.Placeholder(0))}, [OfLaunched(2)])
    for call in (1, 2, 3, 1):
        with pytest.raises(CodeFailed, match="on line 3"):
            tree.host.collect(call)


def test_our_fault_is_not_explained_to_strangers(planted: Plant) -> None:
    def broken(run: Running) -> Any:
        raise RuntimeError("private detail")

    tree = planted(World(broken=broken))
    tree.host.launch_job(1, "broken", {})
    with pytest.raises(SyftException) as raised:
        tree.host.collect(1)
    assert "private" not in raised.value.public_message


def test_what_the_sandbox_lost_is_begun_again_and_launches_anew(planted: Plant) -> None:
    times = iter(range(100))

    def fragile(run: Running) -> Any:
        run.host.launch_job(1, "part", {})
        value = collected(run.host, 1)
        if next(times) < ATTEMPTS - 1:
            raise Lost(CodeFailed("its worker is gone"))
        return value

    world = World(part=lambda run: 5, fragile=fragile, after=lambda run: run.value("x") + 1)
    tree = planted(world, at_once=1)
    tree.host.launch_job(1, "fragile", {})
    tree.host.launch_job(2, "after", {"x": encoded(codec.Placeholder(0))}, [OfLaunched(1)])
    assert (collected(tree.host, 1), collected(tree.host, 2)) == (5, 6)
    assert world.order == ["fragile", "part"] * ATTEMPTS + ["after"]
    assert next(times) == ATTEMPTS


def test_what_is_lost_each_time_ends_and_says_so(planted: Plant) -> None:
    def lost(run: Running) -> Any:
        raise Lost(CodeFailed("its worker is gone"))

    world = World(lost=lost)
    tree = planted(world, at_once=2)
    tree.host.launch_job(1, "lost", {})
    with pytest.raises(CodeFailed, match="its worker is gone"):
        tree.host.collect(1)
    assert world.order == ["lost"] * ATTEMPTS


def test_what_was_lost_when_nobody_wants_it_any_more_is_not_begun_again(planted: Plant) -> None:
    def lost(run: Running) -> Any:
        assert run.stopped.wait(20)
        raise Lost(CodeFailed("its worker is gone"))

    world = World(lost=lost)
    tree = planted(world, at_once=2)
    tree.host.launch_job(1, "lost", {})
    while not world.order:
        pass
    tree.close()
    assert world.order == ["lost"]


def test_the_end_of_one_ends_what_it_launched(planted: Plant) -> None:
    begun = threading.Event()

    def child(run: Running) -> Any:
        begun.set()
        run.wait_to_be_stopped()

    def parent(run: Running) -> Any:
        for call in range(1, 20):
            run.host.launch_job(call, "child", {})
        assert begun.wait(20)
        return 1

    tree = planted(World(child=child, parent=parent), at_once=3)
    tree.host.launch_job(1, "parent", {})
    assert collected(tree.host, 1) == 1


def test_closing_ends_everything_and_nothing_more_begins(planted: Plant) -> None:
    begun = threading.Barrier(3)

    def slow(run: Running) -> Any:
        begun.wait(20)
        run.wait_to_be_stopped()

    world = World(slow=slow)
    tree = planted(world, at_once=2)
    for call in range(1, 100):
        tree.host.launch_job(call, "slow", {})
    begun.wait(20)
    refused: list[SyftException] = []

    def ask() -> None:
        try:
            tree.host.collect(50)
        except SyftException as error:
            refused.append(error)

    asking = threading.Thread(target=ask)
    asking.start()
    tree.close()
    asking.join(20)
    assert len(refused) == 1
    assert world.order == ["slow", "slow"]
    with pytest.raises(InvalidState):
        tree.host.launch_job(100, "slow", {})
    tree.close()


def test_a_loop_for_ever_has_an_end(planted: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tree_module, "LAUNCHED_MAX", 50)

    def loop(run: Running) -> Any:
        for call in range(1, 1000):
            run.host.launch_job(call, "part", {})
        return 1

    tree = planted(World(loop=loop, part=lambda run: 1))
    tree.host.launch_job(1, "loop", {})
    with pytest.raises(LimitExceeded, match="at most 50"):
        tree.host.collect(1)
    assert tree.launched == 50


def test_references_have_an_end_too(planted: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tree_module, "REFERENCES_MAX", 10)
    let = threading.Event()

    def wait(run: Running) -> Any:
        assert let.wait(20)
        return 1

    tree = planted(World(wait=wait, part=lambda run: len(run.references)))
    tree.host.launch_job(1, "wait", {})
    for call in range(2, 5):
        tree.host.launch_job(call, "part", {}, [OfLaunched(1)] * 3)
    with pytest.raises(LimitExceeded, match="together"):
        tree.host.launch_job(5, "part", {}, [OfLaunched(1)] * 3)
    let.set()
    assert [collected(tree.host, call) for call in range(2, 5)] == [3, 3, 3]
    tree.host.launch_job(5, "part", {}, [OfLaunched(1)] * 10)
    assert collected(tree.host, 5) == 10


# --- what is a run's own


@pytest.mark.parametrize(
    "reference", [OfLaunched(2), OfLaunched(0), OfInput("other"), OfInput("data", 3), OfInput("x", 0)]
)
def test_what_is_not_a_runs_own_cannot_be_named(planted: Plant, reference: Any) -> None:
    inputs = {"data": InlineInput(encoded(Partitioned([1, 2, 3]))), "x": InlineInput(encoded(1))}
    tree = planted(World(part=lambda run: 1), inputs)
    tree.host.launch_job(1, "part", {})
    with pytest.raises(InvalidInput):
        tree.host.launch_job(2, "part", {"x": encoded(codec.Placeholder(0))}, [reference])


def test_another_runs_launches_and_inputs_cannot_be_named(planted: Plant) -> None:
    said: list[str] = []

    def thief(run: Running) -> Any:
        for reference in (OfLaunched(1), OfInput("secret")):
            try:
                run.host.launch_job(1, "part", {"x": encoded(codec.Placeholder(0))}, [reference])
            except InvalidInput as error:
                said.append(error.public_message)
        for call in (1, 2):
            try:
                run.host.collect(call)
            except InvalidInput as error:
                said.append(error.public_message)
        return 1

    tree = planted(World(part=lambda run: "secret", thief=thief), {"secret": InlineInput(encoded("secret"))})
    tree.host.launch_job(1, "part", {})
    assert collected(tree.host, 1) == "secret"
    tree.host.launch_job(2, "thief", {"x": encoded(1)})
    assert collected(tree.host, 2) == 1
    assert len(said) == 4


def test_a_placeholder_that_was_returned_is_not_filled_in(planted: Plant) -> None:
    """Else who returns one would be given what is its reader's."""
    world = World(
        sly=lambda run: codec.Placeholder(1),
        part=lambda run: [codec.decode(read(one)) for one in run.references],
    )
    tree = planted(world)
    tree.host.launch_job(1, "sly", {})
    tree.host.launch_job(2, "part", {"x": encoded(codec.Placeholder(0))}, [OfLaunched(1)])
    with pytest.raises(SyftException):
        tree.host.collect(2)
    with pytest.raises(SyftException):
        collected(tree.host, 1)


def test_parts_are_ranges_and_are_handed_on_by_those_who_got_the_whole(planted: Plant, tmp_path: Any) -> None:
    whole = encoded(Partitioned([bytes(10_000), "two"]))
    (tmp_path / "data").write_bytes(b"before" + whole)
    seen: list[Input] = []

    def part(run: Running) -> Any:
        seen.extend(run.references)
        return run.value("x")

    def again(run: Running) -> Any:
        run.host.launch_job(1, "part", {"x": encoded(codec.Placeholder(0))}, [OfInput("all", 1)])
        run.host.launch_job(2, "part", {"x": encoded(codec.Placeholder(0))}, [OfInput("all")])
        return [collected(run.host, 1), len(collected(run.host, 2))]

    file = FileInput(tmp_path / "data", 6)
    tree = planted(World(part=part, again=again), {"data": file}, at_once=1)
    x = encoded(codec.Placeholder(0))
    tree.host.launch_job(1, "part", {"x": x}, [OfInput("data", 1)])
    tree.host.launch_job(2, "again", {"all": x}, [OfInput("data")])
    assert [collected(tree.host, 1), collected(tree.host, 2)] == ["two", ["two", 2]]
    assert seen[0] == seen[1]
    assert isinstance(seen[0], FileInput)
    assert seen[0].size == len(encoded("two"))
    assert seen[2] is file


def test_a_call_is_used_once(planted: Plant) -> None:
    tree = planted(World(part=lambda run: 1))
    tree.host.launch_job(1, "part", {})
    with pytest.raises(InvalidInput):
        tree.host.launch_job(1, "part", {})


# --- what is held


def test_little_is_in_memory_and_nothing_stays(planted: Plant) -> None:
    let = threading.Event()

    def wait(run: Running) -> Any:
        assert let.wait(20)
        return bytes(PIECE_BYTES)

    hold = Hold(memory_bytes=10 * PIECE_BYTES)
    tree = planted(World(wait=wait), hold=hold)
    for call in range(1, 101):
        tree.host.launch_job(call, "wait", {"x": encoded(bytes(PIECE_BYTES // 2))})
    assert 0 < hold.in_memory <= 10 * PIECE_BYTES
    assert hold.on_disk >= 75 * PIECE_BYTES // 2
    let.set()
    for call in range(1, 101):
        tree.host.collect(call)
    tree.close()
    assert hold.in_memory == 0


def test_more_than_may_be_held_is_refused(planted: Plant) -> None:
    world = World(wait=lambda run: run.wait_to_be_stopped(), large=lambda run: bytes(9 * PIECE_BYTES))
    tree = planted(world, hold=Hold(memory_bytes=0, most_bytes=4 * PIECE_BYTES))
    given = {"x": encoded(bytes(PIECE_BYTES))}
    for call in (1, 2, 3):
        tree.host.launch_job(call, "wait", given)
    with pytest.raises(LimitExceeded, match="takes more than"):
        tree.host.launch_job(4, "wait", given)
    other = planted(world, hold=Hold(memory_bytes=0, most_bytes=4 * PIECE_BYTES))
    other.host.launch_job(1, "large", {})
    with pytest.raises(LimitExceeded, match="takes more than"):
        other.host.collect(1)


def test_nothing_is_held_after_the_end() -> None:
    for hold in (Hold(), Hold(memory_bytes=0)):
        hold.put(b"x")
        hold.close()
        with pytest.raises(InvalidState):
            hold.put(b"x")


def test_a_file_of_a_held_value_has_a_life_of_its_own() -> None:
    hold = Hold(memory_bytes=0)
    first, second = hold.put(b"one" * 1000), hold.put(b"two" * 1000)
    assert isinstance(second, FileInput)
    assert (first, second.offset % 64) != (second, 1)
    file = hold.open(second)
    assert not isinstance(file, bytes)
    hold.close()
    with file:
        assert (file.seek(-3, os.SEEK_END), file.tell(), file.read()) == (2997, 2997, b"two")
        assert (file.seek(0), file.readable(), file.seekable(), file.read(3)) == (0, True, True, b"two")
    file.close()
    assert hold.open(second) == b""
    hold.close()


def test_what_was_given_back_is_used_again() -> None:
    free = Free()
    places = [free.take(10) for _ in range(5)]
    assert places == [0, 10, 20, 30, 40]
    free.give_back(10, 10)
    free.give_back(30, 10)
    free.give_back(20, 10)
    assert free.take(25) == 10
    assert free.take(10) == 50
    assert free.take(5) == 35
    assert free.used == 60
    for offset, size in ((0, 10), (10, 25), (35, 5), (40, 10), (50, 10)):
        free.give_back(offset, size)
    assert (free.used, free.take(1000)) == (0, 0)


def test_what_is_being_written_when_all_is_forgotten_goes_into_no_other_file(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The number of a file that is closed is the next one's: a database, say."""
    hold = Hold(memory_bytes=0)
    hold.put(b"x")
    opened = []
    write = os.pwrite

    def closing_first(descriptor: int, data: Any, at: int) -> int:
        hold.close()
        opened.extend((tmp_path / str(number)).open("w+b") for number in range(3))
        return write(descriptor, data, at)

    monkeypatch.setattr(os, "pwrite", closing_first)
    hold.put(b"secret")
    for file in opened:
        with file:
            assert file.read() == b""


def test_room_is_given_back_where_a_value_could_not_be_written(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> int:
        raise OSError("no space")

    hold = Hold(memory_bytes=0)
    monkeypatch.setattr(os, "pwrite", full)
    with pytest.raises(OSError, match="no space"):
        hold.put(b"x")
    assert hold.on_disk == 0
    hold.close()
