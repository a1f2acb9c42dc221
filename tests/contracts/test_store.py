"""What every `Store` does: the numbered points of `store/base.py`, over each implementation."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from blake3 import blake3

from syft.errors import AlreadyExists, InvalidInput, NotFound, StaleMessage, StorageError
from syft.model.code import (
    Code,
    CodeSubmission,
    Constant,
    InputPolicy,
    Mode,
    MustBe,
    OfType,
    OutputPolicy,
    Parameter,
)
from syft.model.dataset import AssetRecord, ContributorRecord, DatasetRecord
from syft.model.event import Event
from syft.model.identity import Identity
from syft.model.job import Job, JobLog, JobResources, JobState, ObjectArgument, Release, StoredArgument
from syft.model.object import ObjectKind, ObjectRecord, ValueRef
from syft.model.permission import Grant, Role
from syft.model.request import NestedCode, Request, RequestState
from syft.model.uid import UID
from syft.model.user import SessionKey, User
from syft.store.base import Before, Contains, NotEqual, OneOf, Store
from syft.store.chain import check_chain
from syft.store.sql import open_store

IDENTITY = Identity.from_seed(bytes(range(32)))
NOW = datetime(2026, 3, 1, 12, 30, 15, 123456, tzinfo=UTC)
DIGEST = "ab" * 32


def on_disk(directory: Path) -> Store:
    return open_store(directory, sign=IDENTITY.sign)


def on_disk_normal(directory: Path) -> Store:
    return open_store(directory, sign=IDENTITY.sign, durability="normal")


def in_memory(directory: Path) -> Store:
    return open_store(None, sign=IDENTITY.sign)


# PostgreSQL goes here when it comes, with a schema of its own for each test.
IMPLEMENTATIONS: list[Callable[[Path], Store]] = [on_disk, on_disk_normal, in_memory]


@pytest.fixture(params=IMPLEMENTATIONS, ids=lambda one: one.__name__)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    made: Store = request.param(tmp_path / "node")
    yield made
    made.close()


def event(verb: str = "test.done", message_uid: UID | None = None) -> Event:
    return Event(verb=verb, created_at=NOW, message_uid=message_uid)


def user(email: str = "ada@example.org", **changes: object) -> User:
    fields: dict[str, object] = {
        "uid": UID(),
        "email": email,
        "name": "Ada",
        "role": Role.DATA_SCIENTIST,
        "password_hash": "argon2id",
        "created_at": NOW,
    }
    return User(**(fields | changes))  # type: ignore[arg-type]


def held(size: int = 1, **options: Any) -> ObjectRecord:
    value = ValueRef(digest="0" * 64, size=size, type_name="bytes", inline=bytes(size))
    return ObjectRecord(
        uid=UID(), kind=ObjectKind.VALUE, owner_uid=UID(), private=value, created_at=NOW, **options
    )


def keep(store: Store, *records: object) -> None:
    with store.writing(event()) as tx:
        for record in records:
            tx.add(record)  # type: ignore[arg-type]


def value(inline: bytes | None = b"bytes") -> ValueRef:
    if inline is None:
        return ValueRef(digest=DIGEST, size=10**12, type_name="pandas.DataFrame", shape=(1_000_000, 12))
    return ValueRef(digest=blake3(inline).hexdigest(), size=len(inline), type_name="bytes", inline=inline)


def one_of_each() -> list[object]:
    code_uid, request_uid, job_uid = UID(), UID(), UID()
    submission = CodeSubmission(
        name="mean",
        source="def mean(data, n):\n    return '\u00e9\u4e2d\U0001f642'\n",
        parameters=(Parameter(name="data"), Parameter(name="n", has_default=True, annotation="int")),
        uses_datasite=True,
        input_policy=InputPolicy(
            kind="mixed",
            rules={
                "data": MustBe(UID(), "a of d"),
                "n": Constant(b"\x00\xff"),
                "m": OfType("int"),
            },
        ),
        output_policy=OutputPolicy(limit=3),
        renamed={"a": "data"},
        nested=("helper",),
        share_results_with_owners=True,
    )
    contributor = ContributorRecord(name="Ada", email="ada@example.org", role="Uploader")
    asset = AssetRecord(
        uid=UID(),
        object_uid=UID(),
        name="rows",
        contributors=(contributor,),
        data_subjects=("people",),
        shape=(3, 4),
        type_name="pandas.DataFrame",
    )
    return [
        user(role=Role.ADMIN, institution="Institute", mock_execution=True, is_root=True),
        user("nobody@example.org", role=Role.NONE),
        SessionKey(
            uid=UID(), verify_key="cd" * 32, user_uid=UID(), created_at=NOW, expires_at=NOW + timedelta(1)
        ),
        Grant(uid=UID(), object_uid=UID(), user_uid=UID(), granted_by=UID(), created_at=NOW),
        ObjectRecord(
            uid=UID(),
            kind=ObjectKind.ASSET,
            owner_uid=UID(),
            name="rows",
            private=value(None),
            mock=value(),
            created_at=NOW,
        ),
        ObjectRecord(uid=UID(), kind=ObjectKind.RESULT, owner_uid=UID(), private=value(b""), created_at=NOW),
        DatasetRecord(
            uid=UID(),
            name="People",
            owner_uid=UID(),
            uploaded_by="Ada (ada@example.org)",
            description="one\ntwo",
            contributors=(contributor,),
            assets=(asset,),
            size=2**40,
            created_at=NOW,
        ),
        Code(
            uid=code_uid,
            owner_uid=UID(),
            digest=DIGEST,
            name="mean",
            version=2,
            submission=submission,
            created_at=NOW,
        ),
        Request(
            uid=request_uid,
            code_uid=code_uid,
            requester_uid=UID(),
            state=RequestState.APPROVED,
            approved_digest=DIGEST,
            nested=(NestedCode(name="helper", code_uid=UID(), digest=DIGEST),),
            decided_by=UID(),
            created_at=NOW,
            decided_at=NOW + timedelta(microseconds=1),
        ),
        Job(
            uid=job_uid,
            code_uid=code_uid,
            code_name="mean",
            requester_uid=UID(),
            request_uid=request_uid,
            parent_uid=UID(),
            mode=Mode.PRIVATE,
            state=JobState.RUNNING,
            arguments={
                "data": ObjectArgument(UID()),
                "n": StoredArgument(value()),
                "m": StoredArgument(value(None)),
            },
            attempt=1,
            n_iters=10,
            resources=JobResources(wall_s=0.25, cpu_s=0.125, max_rss_bytes=10**9),
            created_at=NOW,
            started_at=NOW,
        ),
        Job(uid=UID(), code_uid=UID(), code_name="f", requester_uid=UID(), mode=Mode.MOCK, created_at=NOW),
        JobLog(uid=job_uid, stdout="line\n\x00\x1b[31m", stderr="'; DROP TABLE jobs; --", error=""),
        Release(
            uid=UID(),
            request_uid=request_uid,
            job_uid=job_uid,
            inputs_key="k",
            result_uid=UID(),
            user_uid=UID(),
            created_at=NOW,
        ),
    ]


class TestRecords:
    def test_every_kind_comes_back_equal_to_what_was_added(self, store: Store) -> None:
        records = one_of_each()
        keep(store, *records)
        with store.reading() as reader:
            for record in records:
                assert reader.get(type(record), record.uid) == record
                assert record in reader.select(type(record))
        assert {type(record) for record in records} >= {User, SessionKey, Grant, ObjectRecord, DatasetRecord}
        assert {type(record) for record in records} >= {Code, Request, Job, JobLog, Release}

    def test_a_time_comes_back_as_the_same_moment_in_utc(self, store: Store) -> None:
        elsewhere = NOW.astimezone(timezone(timedelta(hours=5, minutes=30)))
        one = user(created_at=elsewhere)
        keep(store, one)
        with store.reading() as reader:
            found = reader.get(User, one.uid)
        assert found.created_at == elsewhere
        assert found.created_at.tzinfo is UTC

    @pytest.mark.parametrize(
        "record",
        [
            user(created_at=NOW.replace(tzinfo=None)),
            user(name="Ada \ud800"),
            DatasetRecord(uid=UID(), name="d", owner_uid=UID(), uploaded_by="", size=1 << 63, created_at=NOW),
            DatasetRecord(uid=UID(), name="d", owner_uid="nobody", uploaded_by="", created_at=NOW),  # type: ignore[arg-type]
        ],
        ids=["no zone", "no utf-8", "too many bits", "no uid"],
    )
    def test_what_a_column_cannot_hold_is_refused_and_nothing_lands(self, store: Store, record: User) -> None:
        with pytest.raises(InvalidInput):
            keep(store, user("other@example.org"), record)
        with store.reading() as reader:
            assert reader.count(User) == reader.count(DatasetRecord) == reader.count_events() == 0

    def test_a_kind_that_is_not_stored_is_a_programming_error(self, store: Store) -> None:
        with pytest.raises(TypeError), store.reading() as reader:
            reader.count(ValueRef)

    def test_get_of_what_is_not_there(self, store: Store) -> None:
        with pytest.raises(NotFound), store.reading() as reader:
            reader.get(User, UID())

    def test_find_answers_none(self, store: Store) -> None:
        with store.reading() as reader:
            assert reader.find(User, email="nobody@example.org") is None

    def test_replace_keeps_the_place_and_changes_the_rest(self, store: Store) -> None:
        first, second = user("a@example.org"), user("b@example.org")
        keep(store, first, second)
        changed = user("c@example.org", uid=first.uid, role=Role.ADMIN)
        with store.writing(event()) as tx:
            tx.replace(changed)
        with store.reading() as reader:
            assert reader.select(User) == [changed, second]
            assert reader.find(User, email="a@example.org") is None
            assert reader.find(User, email="C@example.org") == changed

    def test_replace_of_what_is_not_there(self, store: Store) -> None:
        with pytest.raises(NotFound), store.writing(event()) as tx:
            tx.replace(user())

    def test_remove_once(self, store: Store) -> None:
        one = user()
        keep(store, one)
        with store.writing(event()) as tx:
            tx.remove(User, one.uid)
            with pytest.raises(NotFound):
                tx.remove(User, one.uid)
        with store.reading() as reader:
            assert reader.count(User) == 0

    def test_settings(self, store: Store) -> None:
        with store.writing(event()) as tx:
            assert tx.setting("organization") is None
            tx.put_setting("organization", "one")
            tx.put_setting("organization", "two")
            tx.put_setting("empty", "")
        with store.reading() as reader:
            assert (reader.setting("organization"), reader.setting("empty")) == ("two", "")


class TestUnique:
    @pytest.mark.parametrize(
        ("first", "second"),
        [
            (user("Ada@Example.org"), user("aDA@example.ORG")),
            (user("É@example.org"), user("é@example.org")),
            (lambda uid: user("a@b", uid=uid), lambda uid: user("c@d", uid=uid)),
            (
                SessionKey(uid=UID(), verify_key="00", user_uid=UID(), created_at=NOW, expires_at=NOW),
                SessionKey(uid=UID(), verify_key="00", user_uid=UID(), created_at=NOW, expires_at=NOW),
            ),
            (
                DatasetRecord(uid=UID(), name="d", owner_uid=UID(), uploaded_by="", created_at=NOW),
                DatasetRecord(uid=UID(), name="d", owner_uid=UID(), uploaded_by="", created_at=NOW),
            ),
        ],
        ids=["e-mail", "e-mail not in English", "uid", "key", "dataset"],
    )
    def test_a_second_of_what_only_one_may_have(self, store: Store, first: object, second: object) -> None:
        if callable(first) and callable(second):
            uid = UID()
            first, second = first(uid), second(uid)
        keep(store, first)
        with pytest.raises(AlreadyExists):
            keep(store, second)
        with store.reading() as reader:
            assert reader.select(type(first)) == [first]
            assert reader.count_events() == 1

    def test_the_same_function_by_one_author(self, store: Store) -> None:
        author, submission = UID(), CodeSubmission(name="f", source="def f(): pass")

        def code(owner: UID, digest: str) -> Code:
            return Code(
                uid=UID(),
                owner_uid=owner,
                digest=digest,
                name="f",
                version=1,
                submission=submission,
                created_at=NOW,
            )

        keep(store, code(author, "a"), code(author, "b"), code(UID(), "a"))
        with pytest.raises(AlreadyExists):
            keep(store, code(author, "a"))

    def test_after_it_nothing_lands_even_where_it_is_swallowed(self, store: Store) -> None:
        keep(store, user())
        other = user("other@example.org")

        def swallow() -> None:
            with store.writing(event()) as tx:
                tx.add(other)
                with pytest.raises(AlreadyExists):
                    tx.add(user())

        with pytest.raises(AlreadyExists):
            swallow()
        with store.reading() as reader:
            assert reader.count(User) == reader.count_events() == 1

    def test_by_replacing_too(self, store: Store) -> None:
        first, second = user("a@example.org"), user("b@example.org")
        keep(store, first, second)
        with pytest.raises(AlreadyExists), store.writing(event()) as tx:
            tx.replace(user("a@example.org", uid=second.uid))
        with store.reading() as reader:
            assert reader.select(User) == [first, second]


class TestQuestions:
    @pytest.fixture
    def people(self, store: Store) -> list[User]:
        names = ["Ärzte_1", "ärzte 100%", "Bob", "bo\\b", "CAROL"]
        people = [user(f"p{index}@example.org", name=name) for index, name in enumerate(names)]
        keep(store, *people)
        return people

    @pytest.mark.parametrize(
        ("text", "found"),
        [
            ("ÄRZTE", [0, 1]),
            ("bob", [2]),
            ("O", [2, 3, 4]),
            ("%", [1]),
            ("_", [0]),
            ("\\", [3]),
            ("", [0, 1, 2, 3, 4]),
            ("'", []),
            ("arol ", []),
        ],
    )
    def test_contains(self, store: Store, people: list[User], text: str, found: list[int]) -> None:
        with store.reading() as reader:
            assert reader.select(User, Contains("name", text)) == [people[index] for index in found]
            assert reader.count(User, Contains("name", text)) == len(found)

    def test_one_of(self, store: Store, people: list[User]) -> None:
        with store.reading() as reader:
            wanted = [people[3].uid, UID(), people[0].uid]
            assert reader.select(User, OneOf("uid", wanted)) == [people[0], people[3]]
            assert reader.select(User, OneOf("email", ["P1@EXAMPLE.ORG"])) == [people[1]]
            assert reader.select(User, OneOf("uid", [])) == []
            many = [UID() for _ in range(40_000)] + [people[4].uid]
            assert reader.select(User, OneOf("uid", many)) == [people[4]]

    def test_several_together(self, store: Store, people: list[User]) -> None:
        with store.reading() as reader:
            both = (Contains("name", "o"), NotEqual("uid", people[2].uid))
            assert reader.select(User, *both, role=Role.DATA_SCIENTIST) == [people[3], people[4]]
            assert reader.select(User, *both, role=Role.ADMIN) == []

    def test_none_is_a_value_like_any_other(self, store: Store) -> None:
        parent = UID()

        def job(parent_uid: UID | None) -> Job:
            return Job(
                uid=UID(),
                code_uid=UID(),
                code_name="f",
                requester_uid=UID(),
                mode=Mode.MOCK,
                parent_uid=parent_uid,
                created_at=NOW,
            )

        alone, child, other = job(None), job(parent), job(UID())
        keep(store, alone, child, other)
        with store.reading() as reader:
            assert reader.select(Job, parent_uid=None) == [alone]
            assert reader.select(Job, NotEqual("parent_uid", None)) == [child, other]
            assert reader.select(Job, NotEqual("parent_uid", parent)) == [alone, other]
            assert reader.values(Job, "parent_uid") == {parent, other.parent_uid}

    def test_before_leaves_out_none(self, store: Store) -> None:
        times = [None, NOW - timedelta(seconds=1), NOW, NOW + timedelta(microseconds=1)]
        kept = [held(lease_until=time) for time in times]
        keep(store, *kept)
        with store.reading() as reader:
            assert reader.select(ObjectRecord, Before("lease_until", NOW)) == [kept[1]]
            assert (
                reader.select(ObjectRecord, Before("lease_until", NOW + timedelta(microseconds=1)))
                == kept[1:3]
            )
            assert reader.count(ObjectRecord, Before("lease_until", NOW), uid=kept[0].uid) == 0

    def test_total_adds_up_what_would_be_found(self, store: Store) -> None:
        owner = UID()
        keep(store, held(5, made_by=owner), held(7, made_by=owner), held(11, made_by=UID()))
        with store.reading() as reader:
            assert reader.total(ObjectRecord, "size", made_by=owner) == 12
            assert reader.total(ObjectRecord, "size") == 23
            assert reader.total(ObjectRecord, "size", OneOf("made_by", [])) == 0

    def test_objects_are_found_by_what_their_tags_are_in_text(self, store: Store) -> None:
        tagged, other = held(tags=("Blue", 'a"b')), held(tags=("Blueish",))
        keep(store, tagged, other)
        with store.reading() as reader:
            assert reader.select(ObjectRecord, Contains("tag_text", '"blue"')) == [tagged]
            assert reader.get(ObjectRecord, tagged.uid).tags == ("Blue", 'a"b')

    def test_derived_columns_say_which_blobs_are_in_use(self, store: Store) -> None:
        announced = ObjectRecord(
            uid=UID(), kind=ObjectKind.ASSET, owner_uid=UID(), mock=value(), created_at=NOW
        )
        large = ObjectRecord(
            uid=UID(), kind=ObjectKind.RESULT, owner_uid=UID(), private=value(None), created_at=NOW
        )
        keep(store, announced, large)
        with store.reading() as reader:
            assert reader.find(ObjectRecord, private_digest=DIGEST) == large
            assert reader.values(ObjectRecord, "private_digest") == {DIGEST}
            assert reader.select(ObjectRecord, kind=ObjectKind.RESULT) == [large]
            assert reader.find(ObjectRecord, kind=ObjectKind.ASSET) == announced
            assert reader.count(ObjectRecord, kind=ObjectKind.VALUE) == 0
            assert reader.values(ObjectRecord, "mock_digest") == {value().digest}
        with store.writing(event()) as tx:
            tx.replace(
                ObjectRecord(uid=large.uid, kind=large.kind, owner_uid=large.owner_uid, created_at=NOW)
            )
            assert tx.count(ObjectRecord, private_digest=DIGEST) == 0

    def test_pages_in_order_of_insertion(self, store: Store) -> None:
        people = [user(f"p{index}@example.org") for index in range(10)]
        keep(store, *people)
        with store.reading() as reader:
            assert reader.select(User) == people
            assert reader.select(User, newest_first=True) == people[::-1]
            assert reader.select(User, limit=3, offset=2) == people[2:5]
            assert reader.select(User, limit=1, newest_first=True) == people[-1:]
            assert reader.select(User, offset=8) == people[8:]
            assert reader.select(User, limit=5, offset=10) == []

    @pytest.mark.parametrize(
        "ask",
        [
            lambda reader: reader.select(User, Contains("nickname", "a")),
            lambda reader: reader.select(User, nickname="a"),
            lambda reader: reader.select(User, nickname=None),
            lambda reader: reader.select(User, OneOf("nickname", [])),
            lambda reader: reader.select(User, NotEqual("nickname", None)),
            lambda reader: reader.values(User, "nickname"),
            lambda reader: reader.select(User, Before("nickname", NOW)),
            lambda reader: reader.select(User, Before("created_at", None)),
            lambda reader: reader.select(User, Before("created_at", "yesterday")),
            lambda reader: reader.total(User, "name"),
            lambda reader: reader.total(User, "nickname"),
            lambda reader: reader.select(User, **{"uid = uid; --": "a"}),
            lambda reader: reader.select(User, position=1),
            lambda reader: reader.select(User, email_key="a"),
            lambda reader: reader.select(User, password_hash="argon2id"),
            lambda reader: reader.select(User, Contains("password_hash", "a")),
            lambda reader: reader.select(DatasetRecord, Contains("assets", "a")),
            lambda reader: reader.select(User, Contains("role", "a")),
            lambda reader: reader.select(User, Contains("name", "a" * 1001)),
            lambda reader: reader.select(User, uid="0" * 32),
            lambda reader: reader.select(User, role="no role"),
            lambda reader: reader.select(User, limit=-1),
            lambda reader: reader.events(offset=-1),
            lambda reader: reader.events(limit=1 << 64),
        ],
    )
    def test_what_cannot_be_asked(self, store: Store, ask: Callable[[object], object]) -> None:
        with store.reading() as reader, pytest.raises(InvalidInput):
            ask(reader)


class TestTransactions:
    def test_reads_what_it_has_written_itself(self, store: Store) -> None:
        one = user()
        with store.writing(event("user.created")) as tx:
            tx.add(one)
            assert tx.get(User, one.uid) == one
            assert [entry.event.verb for entry in tx.events()] == ["user.created"]

    def test_an_exception_undoes_all_of_it(self, store: Store) -> None:

        def fail() -> None:
            with store.writing(event()) as tx:
                tx.add(user())
                tx.put_setting("a", "b")
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            fail()
        with store.reading() as reader:
            assert (reader.count(User), reader.setting("a"), reader.events(), reader.head()) == (
                0,
                None,
                [],
                None,
            )

    def test_a_reader_keeps_its_moment_and_is_not_in_the_way(self, store: Store) -> None:
        with store.reading() as before:
            assert before.count(User) == 0
            keep(store, user())
            assert before.count(User) == before.count_events() == 0
            with store.reading() as after:
                assert after.count(User) == 1

    def test_reading_inside_a_transaction_does_not_see_it(self, store: Store) -> None:
        with store.writing(event()) as tx:
            tx.add(user())
            with store.reading() as reader:
                assert reader.count(User) == reader.count_events() == 0

    def test_one_inside_another_is_a_programming_error(self, store: Store) -> None:
        with store.writing(event()) as tx:
            tx.add(user())
            with pytest.raises(RuntimeError), store.writing(event()):
                pass
        with store.reading() as reader:
            assert reader.count(User) == 1

    def test_one_at_a_time(self, store: Store) -> None:
        threads, each, failures = 4, 25, []

        def count_up() -> None:
            try:
                for _ in range(each):
                    with store.writing(event()) as tx:
                        tx.put_setting("n", str(int(tx.setting("n") or 0) + 1))
            except BaseException as error:
                failures.append(error)

        def read() -> None:
            try:
                for _ in range(each * 2):
                    with store.reading() as reader:
                        assert int(reader.setting("n") or 0) == reader.count_events()
            except BaseException as error:
                failures.append(error)

        running = [threading.Thread(target=target) for target in [count_up] * threads + [read] * threads]
        for thread in running:
            thread.start()
        for thread in running:
            thread.join()
        assert failures == []
        with store.reading() as reader:
            assert reader.setting("n") == str(threads * each)
            check_chain(reader.events(), IDENTITY.verify_key, head=reader.head())

    def test_close_may_be_called_twice_and_is_the_end(self, store: Store) -> None:
        with store.reading():
            store.close()
        store.close()
        with pytest.raises(StorageError), store.reading():
            pass
        with pytest.raises(StorageError), store.writing(event()):
            pass


class TestEvents:
    def test_no_write_without_one_and_all_in_a_chain(self, store: Store) -> None:
        actor, subject = UID(), UID()
        first = Event(
            verb="user.created",
            actor_uid=actor,
            actor_key="ef" * 32,
            subject_uid=subject,
            detail={"role": "admin", "ключ": "\U0001f511"},
            message_uid=UID(),
            created_at=NOW,
        )
        with store.writing(first) as tx:
            tx.also(event("user.greeted", message_uid=UID()))
        keep(store, user())
        with store.reading() as reader:
            entries = reader.events()
            assert [entry.seq for entry in entries] == [1, 2, 3]
            assert [entry.event for entry in entries] == [first, event("user.greeted"), event()]
            assert reader.count_events() == 3
            check_chain(entries, IDENTITY.verify_key, head=reader.head())

    def test_pages(self, store: Store) -> None:
        for index in range(7):
            with store.writing(event(f"test.n{index}")):
                pass
        with store.reading() as reader:
            page = reader.events(limit=2, offset=3)
            assert [entry.event.verb for entry in page] == ["test.n3", "test.n4"]
            assert [entry.seq for entry in reader.events(offset=5)] == [6, 7]
            assert reader.events(limit=2, offset=7) == []

    def test_what_is_hashed_is_what_is_read_back(self, store: Store) -> None:
        elsewhere = NOW.astimezone(timezone(timedelta(hours=-7)))
        with store.writing(Event(verb="test.done", created_at=elsewhere)):
            pass
        with store.reading() as reader:
            check_chain(reader.events(), IDENTITY.verify_key, head=reader.head())

    def test_a_message_counts_once(self, store: Store) -> None:
        message = UID()
        ran = []
        with store.writing(event(message_uid=message)):
            ran.append(1)
        with pytest.raises(StaleMessage), store.writing(event(message_uid=message)):
            ran.append(2)
        with store.writing(event(message_uid=UID())):
            ran.append(3)
        assert ran == [1, 3]
        with store.reading() as reader:
            assert reader.count_events() == 2

    def test_a_message_whose_transaction_was_undone_may_come_again(self, store: Store) -> None:
        message = UID()
        with pytest.raises(ZeroDivisionError), store.writing(event(message_uid=message)):
            raise ZeroDivisionError
        with store.writing(event(message_uid=message)):
            pass

    def test_of_many_at_once_one_wins(self, store: Store) -> None:
        message, ran = UID(), []

        def act() -> None:
            try:
                with store.writing(event(message_uid=message)):
                    ran.append("ran")
            except StaleMessage:
                ran.append("stale")

        threads = [threading.Thread(target=act) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(ran) == ["ran"] + ["stale"] * 7


class TestAgain:
    """What is on a disk is there after the process that wrote it."""

    def test_everything_is_there_and_the_chain_goes_on(self, tmp_path: Path) -> None:
        records, message = one_of_each(), UID()
        store = on_disk(tmp_path)
        keep(store, *records)
        with store.writing(event(message_uid=message)) as tx:
            tx.put_setting("a", "b")
        store.close()
        store = on_disk(tmp_path)
        with pytest.raises(StaleMessage), store.writing(event(message_uid=message)):
            pass
        keep(store, user("new@example.org"))
        with store.reading() as reader:
            for record in records:
                assert reader.get(type(record), record.uid) == record
            assert reader.setting("a") == "b"
            assert reader.count_events() == 3
            check_chain(reader.events(), IDENTITY.verify_key, head=reader.head())
        store.close()

    def test_nothing_is_left_of_one_in_memory(self, tmp_path: Path) -> None:
        store = open_store(None, sign=IDENTITY.sign)
        directory = Path(str(store._engine.url.database)).parent  # type: ignore[attr-defined]
        assert directory.is_dir()
        store.close()
        assert not directory.exists()
