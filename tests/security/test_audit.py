"""What the log says, what it does not say, who reads it, and how much of it a flood can fill (THREATS 2, 4.5)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from support.people import ROOT, Person, new_value, on
from support.protocols import site_of, step, submissions
from support.sites import (
    PASSWORD,
    Cast,
    OriginRoute,
    account_of,
    cast_on,
    fresh,
    opened,
    refused,
    tampering,
    upload,
)
from syft.errors import StorageError, StorageFull
from syft.model.code import Part
from syft.model.event import ChainedEvent, Event
from syft.model.identity import Identity
from syft.model.message import Message
from syft.model.messages import events, jobs, nodes, objects, protocols, requests, session, settings, users
from syft.model.messages.plans import RunPlan
from syft.model.object import ObjectRecord, ValueRef
from syft.model.permission import Role
from syft.model.plan import Plan, place
from syft.model.protocol import FromStep
from syft.model.transit import Direction, InTransit
from syft.model.uid import UID
from syft.node import refusals
from syft.node.checkpoints import HOUR
from syft.node.dispatch import table
from syft.store.chain import check_chain, check_checkpoint
from syft.wire.records import encode_record


@pytest.fixture(autouse=True)
def patient(site: Cast) -> Iterator[None]:
    """Nobody has been refused anything yet, and nothing waits to be written."""
    inside = site.site.refusals
    for throttle in (
        site.site.account_throttle,
        site.site.origin_throttle,
        inside._parties,
        inside._strangers,
    ):
        throttle._levels.clear()
    inside._counts.clear()
    yield
    inside.flush()


def from_afar(site: Cast, origin: str = "10.0.0.9") -> Person:
    return Person(OriginRoute(site.node, origin))


def since(site: Cast, act: Callable[[], Any]) -> list[ChainedEvent]:
    """What the log says of an act."""
    before = site.count_events()
    act()
    return site.events(after=before)


def one_of(found: list[ChainedEvent]) -> Event:
    (entry,) = found
    return entry.event


# --- logins that fail


def test_a_wrong_password_is_in_the_log(site: Cast) -> None:
    """THREATS 2.4: whose account, from where, with which key; nothing of what was typed."""
    guest = from_afar(site)
    event = one_of(
        since(site, lambda: refused(guest, session.LogIn("owner@site.org", guest.sealed("hunter2 typed"))))
    )
    assert (event.verb, event.subject_uid) == ("session.login_failed", account_of(site.owner))
    assert event.actor_key == guest.identity.verify_key.hex()
    assert event.detail == {"why": "password", "origin": "10.0.0.9"}
    assert b"hunter2" not in encode_record(event)


def test_of_an_unknown_email_nothing_is_kept(site: Cast) -> None:
    """People type passwords where e-mails go, and the log is handed on."""
    guest = from_afar(site)
    event = one_of(
        since(site, lambda: refused(guest, session.LogIn("my-secret-pw@x.org", guest.sealed("p"))))
    )
    assert (event.verb, event.subject_uid, event.detail["why"]) == ("session.login_failed", None, "password")
    assert b"my-secret-pw" not in encode_record(event)


def test_the_default_password_from_elsewhere_is_in_the_log(site: Cast) -> None:
    guest = from_afar(site)
    event = one_of(since(site, lambda: refused(guest, session.LogIn(ROOT[0], guest.sealed(ROOT[1])))))
    assert (event.verb, event.subject_uid) == ("session.login_failed", account_of(site.admin))
    assert event.detail["why"] == "default_password"


def test_a_key_of_somebody_else_is_in_the_log(site: Cast) -> None:
    login = session.LogIn("owner@site.org", site.scientist.sealed(PASSWORD))
    event = one_of(since(site, lambda: refused(site.scientist, login)))
    assert (event.verb, event.detail["why"]) == ("session.login_failed", "key_in_use")
    assert (event.actor_uid, event.subject_uid) == (account_of(site.scientist), account_of(site.owner))


def test_logins_that_are_not_even_tried_are_in_the_log(site: Cast) -> None:
    """THREATS 2.4: after ten failures, also the right password; for an unknown e-mail likewise."""
    for mail, account in (("other_owner@site.org", account_of(site.other_owner)), ("nobody@x.org", None)):
        found = since(
            site,
            lambda mail=mail: [
                refused(person, session.LogIn(mail, person.sealed("wrong")))
                for person in (from_afar(site, f"{mail}-{number}") for number in range(11))
            ],
        )
        assert [one.event.verb for one in found] == ["session.login_failed"] * 10 + [
            "session.login_throttled"
        ]
        assert {one.event.subject_uid for one in found} == {account}


def test_both_failures_leave_entries_of_one_shape(site: Cast) -> None:
    """Whoever sees the log grow (by its checkpoints) learns nothing about which e-mail has an account."""
    for mail in ("owner@site.org", "nobody-at-all@x.org"):
        guest = from_afar(site)
        assert len(since(site, lambda g=guest, m=mail: refused(g, session.LogIn(m, g.sealed("x"))))) == 1


# --- acts that are refused


def test_refused_acts_are_in_the_log(site: Cast) -> None:
    """Approving what is another's to approve, giving oneself a role, changing the node: who tried, and about what."""
    foreign_data = upload(site.other_owner)
    request = site.scientist.request(fresh("return data", foreign_data))
    call = jobs.CallCode({"data": on(foreign_data)}, request.code.uid, None, 0)
    scientist = account_of(site.scientist)
    hidden = upload(site.owner)
    foreign = requests.ApproveRequest(request.uid, request.code.digest)
    cases: list[tuple[Person, Message, str, UID | None]] = [
        (site.owner, foreign, "not_found", request.uid),
        (site.scientist, foreign, "authorization", request.uid),  # nobody approves their own
        (site.owner, requests.DenyRequest(request.uid, "no"), "not_found", request.uid),
        (site.scientist, users.UpdateUser(scientist, role=Role.ADMIN), "authorization", scientist),
        (site.owner, settings.UpdateSettings(signup_enabled=True), "authorization", None),
        (site.owner, users.CreateUser("a@b.org", "A", site.owner.sealed("p"), Role.ADMIN), "authorization", None),
        (site.scientist, users.DeleteUser(account_of(site.owner)), "authorization", account_of(site.owner)),
        (site.scientist, objects.ReadValue(hidden), "not_found", hidden),
        (site.scientist, events.ListEvents(), "authorization", None),
        (site.scientist, nodes.RemovePeer(UID()), "authorization", None),
        (site.guest, requests.ListRequests(), "authorization", None),
        (site.scientist, call, "not_approved", request.code.uid),
    ]  # fmt: skip
    for person, message, code, subject in cases:
        found = since(site, lambda p=person, m=message: refused(p, m))
        if isinstance(message, requests.ListRequests):
            assert found == [], "who only looks around leaves no trace"
            continue
        event = one_of(found)
        assert event.verb == "act.refused"
        assert event.actor_key == person.identity.verify_key.hex()
        assert event.detail == {"what": _tag(message), "error": code, "origin": "local"}, event.detail
        assert event.subject_uid in (
            subject,
            getattr(message, "node_uid", None),
            getattr(message, "uid", None),
        )


def _tag(message: Message) -> str:
    tag = message.__struct_config__.tag
    assert isinstance(tag, str)
    return tag


def test_a_run_that_is_refused_is_in_the_log(site: Cast) -> None:
    """THREATS 1.6: after the owner has taken the approval back."""
    data = upload(site.owner)
    request = site.scientist.request(fresh("return data", data))
    site.owner.approve(request)
    site.owner.say(requests.DenyRequest(request.uid, "no longer"), Message)
    call = jobs.CallCode({"data": on(data)}, request.code.uid, None, 20)
    event = one_of(since(site, lambda: refused(site.scientist, call)))
    assert (event.detail["error"], event.subject_uid) == ("denied", request.code.uid)


def test_a_run_and_its_release_are_in_the_log(site: Cast) -> None:
    """THREATS 1.1: which code ran, on which inputs, and which result left."""
    data = upload(site.owner)
    request = site.scientist.request(fresh("return data", data))
    site.owner.approve(request)
    done: list[jobs.JobView] = []
    found = since(site, lambda: done.append(site.scientist.call(request.code.submission.name, data=on(data))))
    queued = next(one.event for one in found if one.event.verb == "job.queued")
    released = next(one.event for one in found if one.event.verb == "result.released")
    assert {queued.subject_uid, released.subject_uid} == {done[0].uid}
    assert queued.detail["code"] == released.detail["code"] == request.code.digest
    assert {"result", "inputs"} <= set(released.detail)


def test_what_only_looks_around_is_a_kind_there_is(site: Cast) -> None:
    """A kind of message that is new is written down when it is refused, until somebody says that it only looks."""
    assert set(table()) >= refusals.LOOKING
    assert not refusals.LOOKING & {objects.ReadValue, jobs.GetJobLog, events.ListEvents}


# --- floods


def test_a_flood_by_strangers_is_counted(site: Cast) -> None:
    """THREATS 2.4: a thousand refused acts from ever new addresses and keys are some 200 entries, and one of counts."""
    message = settings.UpdateSettings(signup_enabled=True)

    def flood() -> None:
        people = [from_afar(site, f"10.0.{number}.9") for number in range(100)]
        for number in range(1000):
            person = people[number % 100]
            person.identity = Identity.generate()
            assert refused(person, message)[0] == "authorization"

    found = since(site, flood)
    assert {one.event.verb for one in found} == {"act.refused"}
    assert 200 <= len(found) <= 202
    # Somebody with an account is not lost in it.
    assert one_of(since(site, lambda: refused(site.scientist, message))).actor_uid == account_of(
        site.scientist
    )
    counted = one_of(since(site, site.site.refusals.flush))
    assert counted.verb == "refusals.counted"
    assert int(counted.detail["act.refused settings.update authorization"]) + len(found) == 1000
    assert datetime.fromisoformat(counted.detail["since"]) <= counted.created_at
    assert since(site, site.site.refusals.flush) == [], "counted once"


def test_one_stranger_and_one_account_fill_little(site: Cast) -> None:
    message = settings.UpdateSettings(signup_enabled=True)
    for person in (from_afar(site), site.owner):
        found = since(site, lambda p=person: [refused(p, message) for _ in range(60)])
        assert 20 <= len(found) <= 22


def test_counts_are_written_without_anybody_asking(site: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refusals, "_PAUSE_S", 0.01)
    before = site.count_events()
    for _ in range(30):
        refused(site.owner, settings.UpdateSettings(signup_enabled=True))
    while (timer := site.site.refusals._timer) is not None:
        timer.join(20)
    assert (
        sum(
            int(number)
            for one in site.events("refusals.counted", before)
            for name, number in one.event.detail.items()
            if name != "since"
        )
        + len(site.events("act.refused", before))
        == 30
    )


def test_counts_outlive_the_node(tmp_path: Path) -> None:
    with opened(tmp_path, start=False) as node:
        guest = Person(OriginRoute(node, "10.0.0.9"))
        for _ in range(30):
            refused(guest, settings.UpdateSettings(signup_enabled=True))
    with opened(tmp_path, start=False) as node, node.open().store.reading() as reader:
        counted = [one.event for one in reader.events() if one.event.verb == "refusals.counted"]
    assert [one.detail["act.refused settings.update authorization"] for one in counted] == ["10"]


def test_a_full_disk_changes_no_answer(site: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who is refused is told so, also where it cannot be written down; counts wait for room."""
    inside = site.site.refusals
    message = settings.UpdateSettings(signup_enabled=True)

    class Full:
        def writing(self, event: Event) -> Any:
            raise StorageFull("There is no space left.")

    with monkeypatch.context() as patch:
        patch.setattr(inside, "_store", Full())
        assert refused(site.owner, message)[0] == "authorization"
        for _ in range(30):
            assert refused(site.owner, message)[0] == "authorization"
        inside.flush()
    counted = one_of(since(site, inside.flush))
    assert 9 <= int(counted.detail["act.refused settings.update authorization"]) <= 11


# --- what was set, and how the node was started


def test_settings_are_recorded_with_what_they_are_now(site: Cast) -> None:
    """Switches and numbers; not what people write."""
    change = settings.UpdateSettings(
        guest_sessions=True, objects_per_account=999, description="ring 555-1234"
    )
    event = one_of(since(site, lambda: site.admin.say(change, settings.SettingsReply)))
    assert event.verb == "settings.changed"
    assert event.detail == {
        "fields": "description,guest_sessions,objects_per_account",
        "guest_sessions": "true",
        "objects_per_account": "999",
    }


def test_a_new_role_is_recorded(site: Cast) -> None:
    uid = account_of(site.other_scientist)
    event = one_of(
        since(site, lambda: site.admin.say(users.UpdateUser(uid, role=Role.DATA_SCIENTIST), users.UserReply))
    )
    assert (event.subject_uid, event.detail) == (uid, {"fields": "role", "role": "DATA_SCIENTIST"})


def test_every_start_is_recorded_with_how_the_operator_set_it(tmp_path: Path) -> None:
    for level in ("process", "landlock"):
        options = {"isolation_min": level, "root_password": "not in any log"}
        with opened(tmp_path, **options) as node, node.open().store.reading() as reader:
            started = [one.event for one in reader.events() if one.event.verb == "node.started"]
    assert [one.detail["isolation_min"] for one in started] == ["process", "landlock"]
    assert b"not in any log" not in b"".join(encode_record(one) for one in started)
    assert not {"home", "root_email", "root_password"} & set(started[0].detail)


def test_who_may_read_what_is_recorded(site: Cast) -> None:
    uid = upload(site.owner)
    person = account_of(site.scientist)
    for withdraw, verb in ((False, "grant.made"), (True, "grant.withdrawn")):
        grant = objects.GrantObject(uid, ("scientist@site.org", "nobody@x.org"), withdraw)
        found = since(site, lambda g=grant: site.owner.say(g, Message))
        assert [(one.event.verb, one.event.subject_uid) for one in found][1:] == [(verb, person)]
        assert found[1].event.detail == {"object": uid.hex}


# --- what the table of who may what cannot reach: acts that change something only sometimes


def test_renewed_leases_are_recorded(site: Cast) -> None:
    put = objects.PutObject(new_value(7), leased=True)
    uid = site.scientist.say(put, objects.ObjectReply).object.uid
    with tampering(site.store) as tx:
        record = tx.get(ObjectRecord, uid)
        soon = datetime.now(UTC) + timedelta(minutes=1)
        tx.replace(msgspec.structs.replace(record, lease_until=soon))
    found = since(site, lambda: site.scientist.say(objects.RenewLeases((uid,)), Message))
    assert one_of(found).verb == "objects.renewed"


def test_kept_results_of_plans_are_recorded(site: Cast) -> None:
    uid = site.scientist.say(objects.PutObject(new_value(7)), objects.ObjectReply).object.uid
    plan = RunPlan(plan=Plan(name="f", inputs=("x",), outputs=(place(0),)), inputs=(uid,), keep=(UID(),))
    event = one_of(since(site, lambda: site.scientist.say(plan, Message)))
    assert (event.verb, event.subject_uid) == ("object.computed", plan.keep[0])


# --- checkpoints


def checkpoint_for(person: Person) -> Any:
    return person.say(events.GetCheckpoint(), events.CheckpointReply).checkpoint


def test_an_administrator_gets_a_checkpoint_as_of_now(site: Cast) -> None:
    key = bytes.fromhex(site.admin.node.verify_key)
    first = checkpoint_for(site.admin)
    site.admin.say(settings.UpdateSettings(organization="other"), settings.SettingsReply)
    later = checkpoint_for(site.admin)
    for one in (first, later):
        check_checkpoint(one, key)
    assert later.seq == first.seq + 1
    with site.store.reading() as reader:
        check_chain(reader.events(), key, head=reader.head(), checkpoints=[first, later])


def test_others_get_that_of_the_hour(tmp_path: Path) -> None:
    """One for all: by asking again and again nobody learns when somebody else does something."""
    now = [datetime(2026, 3, 1, 12, tzinfo=UTC)]
    with opened(tmp_path, start=False, clock=lambda: now[0]) as node:
        site = cast_on(node, tmp_path)
        first = checkpoint_for(site.scientist)
        site.owner.upload("something new", 1, 0)
        assert checkpoint_for(site.scientist) == checkpoint_for(site.owner) == first
        assert checkpoint_for(site.admin).seq > first.seq
        now[0] += HOUR - timedelta(seconds=1)
        assert checkpoint_for(site.scientist) == first
        now[0] += timedelta(seconds=1)
        later = checkpoint_for(site.scientist)
        assert (later.seq > first.seq, later.at) == (True, now[0])
        # A clock that is set back does not stop it.
        now[0] -= timedelta(minutes=30)
        assert checkpoint_for(site.scientist).at == now[0]


def test_asking_for_a_checkpoint_leaves_no_trace_and_shows_nothing_else(site: Cast) -> None:
    assert since(site, lambda: checkpoint_for(site.scientist)) == []
    shown = json.loads(msgspec.json.encode(checkpoint_for(site.scientist)))
    assert set(shown) == {"node", "seq", "hash", "at", "signature"}


def test_nothing_is_signed_about_a_log_that_was_changed(tmp_path: Path) -> None:
    """THREATS 4.5: somebody with the disk does not get the node's word on an end of their making."""
    with opened(tmp_path, start=False) as node:
        site = node.open()
        with site.store.writing(Event(verb="test.done", created_at=datetime.now(UTC))) as tx:
            tx._connection.exec_driver_sql("UPDATE events_head SET hash = '" + "00" * 32 + "'")
            tx.finish = lambda: None  # type: ignore[method-assign]
        with pytest.raises(StorageError, match="changed from outside"):
            site.checkpoints.fresh(datetime.now(UTC))


# --- the end of a run


def test_the_end_of_a_run_is_recorded(site: Cast) -> None:
    steps = [step("there", "return 1"), step("here", "return x", taken={"x": FromStep(0)})]
    there = site_of(site.scientist, node_uid=UID(), key=Identity.generate().verify_key)
    _, submission = submissions(steps, {"here": site_of(site.scientist), "there": there})
    code = site.scientist.submit(submission)
    part = submission.part
    assert isinstance(part, Part)
    run, now = UID(), datetime.now(UTC)
    with tampering(site.store) as tx:
        value = ValueRef(digest="00" * 32, size=1, type_name="int", inline=b"1")
        tx.add(
            InTransit(
                uid=UID(),
                protocol=part.protocol,
                run=run,
                step=1,
                edge=0,
                direction=Direction.IN,
                value=value,
                created_at=now,
                lease_until=now + timedelta(hours=1),
            )
        )
    event = one_of(since(site, lambda: site.scientist.say(protocols.EndRun(code.uid, run), Message)))
    assert event.verb == "run.ended"
