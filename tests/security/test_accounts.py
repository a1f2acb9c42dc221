"""Nobody gives themselves a role, and nothing tells a password's hash (THREATS 2.1, 2.2)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from support.envelopes import answer_to, envelope, error_of
from support.people import ROOT, Person, on
from support.sites import (
    PASSWORD,
    Cast,
    Listening,
    account_of,
    at_once,
    cast_on,
    fresh,
    logged,
    member,
    opened,
    refused,
    tampering,
    upload,
)
from syft.errors import InvalidInput
from syft.model.message import Message
from syft.model.messages import codes, datasets, events, jobs, requests, session, settings, users
from syft.model.permission import Role
from syft.model.uid import UID
from syft.model.user import User
from syft.transport.memory import MemoryRoute


def role_of(site: Cast, email: str) -> Role | None:
    with site.store.reading() as reader:
        user = reader.find(User, email=email)
        return user.role if user else None


# 2.1: no role but those that are given


@pytest.mark.parametrize(
    "more",
    [
        [128],
        [{"role": 128}],
        ["ADMIN", 128, {"role": "admin", "is_root": True}],
        [None, None, None, 128, True, True],
    ],
    ids=repr,
)
def test_registering_with_a_role_gives_none(site: Cast, more: list[Any]) -> None:
    """THREATS 2.1: raw fields after those of the message are read by nobody."""
    guest = site.newcomer()
    mail = f"climber{UID().hex}@x.org"
    payload = msgspec.msgpack.encode(["users.register", mail, "Climber", guest.sealed("p"), "", "", *more])
    reply = answer_to(site.node, envelope(guest, payload))
    assert isinstance(reply, users.UserReply), reply
    assert reply.user.role is Role.DATA_SCIENTIST
    assert not reply.user.mock_execution
    assert not reply.user.is_root
    assert role_of(site, mail) is Role.DATA_SCIENTIST


@pytest.mark.parametrize("field", range(3, 6))
def test_registering_with_a_role_in_the_place_of_another_field(site: Cast, field: int) -> None:
    """THREATS 2.1: a role where a text is due is no message at all."""
    guest = site.newcomer()
    mail = f"climber{UID().hex}@x.org"
    fields: list[Any] = ["users.register", mail, "Climber", guest.sealed("p"), "", ""]
    fields[field] = 128
    error = error_of(answer_to(site.node, envelope(guest, msgspec.msgpack.encode(fields))))
    assert error is not None
    assert error.code == "decode"
    assert role_of(site, mail) is None


def test_registering_as_a_map_with_a_role(site: Cast) -> None:
    """THREATS 2.1: the form that other versions of this protocol had."""
    guest = site.newcomer()
    body = {
        "type": "users.register",
        "email": "m@x.org",
        "name": "M",
        "sealed": guest.sealed("p"),
        "role": 128,
    }
    assert error_of(answer_to(site.node, envelope(guest, msgspec.msgpack.encode(body)))) is not None
    assert role_of(site, "m@x.org") is None


@pytest.mark.parametrize("who", ["scientist", "owner", "admin"])
@pytest.mark.parametrize("role", [role for role in Role if role > Role.GUEST])
def test_nobody_changes_their_own_role(site: Cast, who: str, role: Role) -> None:
    """THREATS 2.1: neither up nor down, nor besides other fields."""
    person: Person = getattr(site, who)
    view = person.say(users.GetAccount(), users.UserReply).user
    if role is view.role:
        return
    for message in (users.UpdateUser(view.uid, role=role), users.UpdateUser(view.uid, name="N", role=role)):
        assert refused(person, message)[0] == "authorization"
    assert person.say(users.GetAccount(), users.UserReply).user == view


@pytest.mark.parametrize("role", [Role.DATA_OWNER, Role.ADMIN])
def test_an_owner_makes_no_owner_and_no_administrator(site: Cast, role: Role) -> None:
    """THREATS 2.1: neither anew nor out of a scientist."""
    mail = f"made{role}@x.org"
    message = users.CreateUser(mail, "Made", site.owner.sealed("p"), role)
    assert refused(site.owner, message)[0] == "authorization"
    assert role_of(site, mail) is None
    target = member(site.node, site.owner, f"raised{role}@x.org")
    raised = users.UpdateUser(account_of(target), role=role)
    assert refused(site.owner, raised)[0] == "authorization"
    assert refused(site.scientist, message)[0] == "authorization"
    assert refused(site.guest, message)[0] == "authorization"
    assert refused(site.admin, raised)[0] == "ok"  # outside the fence


@pytest.mark.parametrize("role", [0, 1, 3, 64, 127, 129, -1, 2**40, "ADMIN", None])
def test_a_role_that_no_account_has(site: Cast, role: Any) -> None:
    """THREATS 2.1: an unknown number is no message; none and guest are no accounts."""
    mail = f"odd{UID().hex}@x.org"
    payload = msgspec.msgpack.encode(["users.create", mail, "Odd", site.admin.sealed("p"), role])
    error = error_of(answer_to(site.node, envelope(site.admin, payload)))
    assert error is not None
    assert error.code in ("decode", "invalid_input")
    assert role_of(site, mail) is None


def test_the_root_user_stays(site: Cast) -> None:
    """THREATS 2.1: neither another administrator nor they themselves delete or demote the root account."""
    second = member(site.node, site.admin, "second@site.org", Role.ADMIN)
    root = account_of(site.admin)
    for person in (second, site.admin, site.owner):
        assert refused(person, users.DeleteUser(root))[0] == "authorization"
        assert refused(person, users.UpdateUser(root, role=Role.DATA_SCIENTIST))[0] == "authorization"
    assert role_of(site, ROOT[0]) is Role.ADMIN
    assert refused(site.admin, users.DeleteUser(account_of(second)))[0] == "ok"


@pytest.fixture
def without_root(tmp_path: Path) -> Iterator[tuple[Cast, Person]]:
    """A node with two administrators, none of them root: as after a restored backup of another."""
    with opened(tmp_path, start=False) as node:
        site = cast_on(node, tmp_path)
        second = member(node, site.admin, "second@site.org", Role.ADMIN)
        with tampering(site.store) as tx:
            root = tx.get(User, account_of(site.admin))
            tx.replace(msgspec.structs.replace(root, is_root=False))
        site.site.sessions.changed()
        yield site, second


def test_the_last_administrator_stays(without_root: tuple[Cast, Person]) -> None:
    """THREATS 2.1: the first of two can go; then nobody can."""
    site, second = without_root
    last = account_of(second)
    assert refused(second, users.DeleteUser(account_of(site.admin)))[0] == "ok"
    assert refused(second, users.DeleteUser(last)) == (
        "invalid_input",
        "This is the last administrator; make another one first.",
    )
    assert refused(second, users.UpdateUser(last, role=Role.DATA_OWNER))[0] == "authorization"
    assert site.count(User, role=Role.ADMIN) == 1


@pytest.mark.parametrize("how", ["delete", "demote", "both"])
def test_two_administrators_remove_each_other_at_once(without_root: tuple[Cast, Person], how: str) -> None:
    """THREATS 2.1: raced; one of them stays."""
    site, second = without_root
    first, other = account_of(site.admin), account_of(second)
    delete: Callable[[UID], Message] = users.DeleteUser
    demote: Callable[[UID], Message] = lambda uid: users.UpdateUser(uid, role=Role.DATA_OWNER)  # noqa: E731
    one = demote if how == "demote" else delete
    two = delete if how == "delete" else demote
    answers = at_once(lambda: refused(site.admin, one(other)), lambda: refused(second, two(first)))
    assert sorted(code == "ok" for code, _ in answers) == [False, True]
    assert site.count(User, role=Role.ADMIN) == 1


def test_an_owner_does_not_take_over_accounts_above(site: Cast) -> None:
    """THREATS 2.1: a new password or e-mail for an administrator would be a way up."""
    for target in (site.admin, site.other_owner):
        uid = account_of(target)
        for person, code in ((site.owner, "authorization"), (site.scientist, "not_found")):
            assert refused(person, users.UpdateUser(uid, email="mine@x.org"))[0] == code
            assert refused(person, users.UpdateUser(uid, sealed=person.sealed("taken over")))[0] == code
        assert refused(site.guest, users.UpdateUser(uid, email="mine@x.org"))[0] == "authorization"
        assert refused(target, users.UpdateUser(uid, name="Still Mine"))[0] == "ok"
    assert refused(site.newcomer(), session.LogIn("mine@x.org", b""))[0] != "ok"


def test_two_accounts_do_not_share_an_email(site: Cast) -> None:
    """THREATS 2.1: in whatever case it is written; also raced."""
    taken = "Scientist@SITE.org"
    guest = site.newcomer()
    assert refused(guest, users.Register(taken, "Twin", guest.sealed("p")))[0] == "already_exists"
    own = account_of(site.other_scientist)
    assert refused(site.other_scientist, users.UpdateUser(own, email=taken))[0] == "already_exists"
    people = [site.newcomer() for _ in range(6)]
    answers = at_once(
        *(lambda one=one: refused(one, users.Register("raced@x.org", "R", one.sealed("p"))) for one in people)
    )
    assert sorted(code for code, _ in answers) == ["already_exists"] * 5 + ["ok"]


@pytest.mark.parametrize(
    "email",
    ["", "a", "@x.org", "a@", "a b@x.org", "a@x.org\n", "a\x00@x.org", "a@x@y.org", "a" * 65 + "@x.org"],
)
def test_an_account_has_a_sound_email(site: Cast, email: str) -> None:
    """THREATS 2.1, 4.2: what becomes part of texts and look-ups is bounded and on one line."""
    guest = site.newcomer()
    assert refused(guest, users.Register(email, "N", guest.sealed("p")))[0] == "invalid_input"


# 2.2: nothing tells a hash


def all_replies(site: Cast) -> tuple[bytes, int]:
    """Every byte that an administrator hears, after using everything once; and how many answers there were."""
    route = Listening(MemoryRoute(site.node))
    admin = Person(route).log_in(*ROOT)
    made = admin.say(
        users.CreateUser("heard@x.org", "Heard", admin.sealed("p w d"), Role.DATA_OWNER), users.UserReply
    )
    uid = made.user.uid
    data = upload(site.owner)
    request = site.owner.approve(site.scientist.request(fresh("return data", data)))
    job = site.scientist.call(request.code.submission.name, data=on(data))
    asked: list[Message] = [
        users.ListUsers(),
        users.ListUsers(uid=uid),
        users.ListUsers(email="$argon2"),
        users.ListUsers(name="argon2"),
        users.UpdateUser(uid, name="Heard Again"),
        users.UpdateUser(uid, sealed=admin.sealed("another p w d")),
        users.UpdateUser(uid, email=ROOT[0]),
        users.GetAccount(),
        datasets.ListDatasets(),
        codes.ListCodes(),
        codes.GetCode(request.code.uid),
        requests.ListRequests(),
        requests.GetRequest(request.uid),
        jobs.ListJobs(),
        jobs.GetJob(job.uid),
        jobs.GetJobLog(job.uid),
        settings.GetSettings(),
        settings.UpdateSettings(description="x"),
        events.ListEvents(),
        session.GetNodeInfo(),
        users.DeleteUser(uid),
    ]
    for message in asked:
        refused(admin, message)
    return bytes(route.heard), len(route.sent)


def test_no_reply_and_no_log_line_holds_a_hash(site: Cast) -> None:
    """THREATS 2.2: whoever asks, whatever is asked: no hash, no salt, no password, no private key."""
    with logged("DEBUG") as stream:
        heard, answers = all_replies(site)
    assert answers > 20
    with site.store.reading() as reader:
        people = reader.select(User)
    assert len(people) >= 5
    secrets = [b"argon2", b"p w d", PASSWORD.encode(), b"changethis", site.site.identity.seed]
    secrets.append(site.site.identity.seed.hex().encode())
    for user in people:
        assert user.email.encode() in heard  # outside the fence: the rest of the account is told
        *_, salt, hashed = user.password_hash.split("$")
        secrets += [salt.encode(), hashed.encode()]
    for secret in secrets:
        assert secret not in heard
        assert secret.decode("latin-1") not in stream.getvalue()


def test_passwords_are_kept_as_argon2id(site: Cast) -> None:
    """THREATS 2.2: each with a salt of its own, and at the cost that OWASP asks for."""
    with site.store.reading() as reader:
        hashes = [user.password_hash for user in reader.select(User)]
    for one in hashes:
        assert one.startswith("$argon2id$v=19$m=32768,t=3,p=1$")
    assert len({one.split("$")[-2] for one in hashes}) == len(hashes)
    assert PASSWORD not in "".join(hashes)


def test_the_store_answers_no_question_about_hashes(site: Cast) -> None:
    """THREATS 2.2: a look-up by a piece of the hash would tell it, letter by letter."""
    with site.store.reading() as reader, pytest.raises(InvalidInput):
        reader.find(User, password_hash="x")


def test_no_file_of_the_node_holds_a_password(site: Cast) -> None:
    """THREATS 2.2: neither the database, nor what lies beside it; and the key's file is its owner's alone."""
    member(site.node, site.admin, "written@site.org")
    files = [path for path in site.home.rglob("*") if path.is_file()]
    assert any(path.suffix == ".db" for path in files)
    for path in files:
        if path.suffix == ".key":
            assert path.stat().st_mode & 0o077 == 0
        data = path.read_bytes()
        assert PASSWORD.encode() not in data
        assert b"changethis" not in data
    assert refused(site.admin, users.ListUsers())[0] == "ok"


def test_an_owner_does_not_become_a_scientist(site: Cast) -> None:
    """THREATS 2.1, 1.4: with a scientist's password an owner would read what other owners released to them."""
    uid = account_of(site.other_scientist)
    for change in ({"sealed": site.owner.sealed("taken over")}, {"email": "mine@x.org"}):
        assert refused(site.owner, users.UpdateUser(uid, **change))[0] == "authorization"
    assert refused(site.owner, users.UpdateUser(uid, mock_execution=False))[0] == "ok"
    assert refused(site.admin, users.UpdateUser(uid, name="Renamed"))[0] == "ok"
    assert refused(site.other_scientist, users.UpdateUser(uid, email="other_scientist@site.org"))[0] == "ok"


# 2.6: owners and each other's scientists


def test_an_owner_does_not_manage_what_others_made(site: Cast) -> None:
    """THREATS 2.6, 1.4: neither renamed nor deleted: the next account of that e-mail would be taken for its person."""
    registered = site.newcomer().register("registered@x.org", "a password")
    by_other = member(site.node, site.other_owner, "theirs@x.org")
    by_admin = member(site.node, site.admin, "appointed@x.org")
    by_owner = member(site.node, site.owner, "mine-to-manage@x.org")
    for person in (registered, by_other, by_admin):
        uid = account_of(person)
        for message in (
            users.DeleteUser(uid),
            users.UpdateUser(uid, name="Somebody Else"),
            users.UpdateUser(uid, institution="Another"),
            users.UpdateUser(uid, role=Role.DATA_SCIENTIST),
            # What they may say does not take with it what they may not.
            users.UpdateUser(uid, name="Somebody Else", mock_execution=True),
        ):
            assert refused(site.owner, message)[0] == "authorization", message
        view = person.say(users.GetAccount(), users.UserReply).user
        assert (view.name != "Somebody Else", view.institution, view.mock_execution) == (True, "", False)
        assert refused(site.owner, users.UpdateUser(uid, mock_execution=True))[0] == "ok"
        assert person.say(users.GetAccount(), users.UserReply).user.mock_execution
    # Outside the fence: their own, and whoever made it.
    own = account_of(by_owner)
    assert refused(site.owner, users.UpdateUser(own, name="Renamed"))[0] == "ok"
    assert refused(site.owner, users.UpdateUser(own, sealed=site.owner.sealed("mine")))[0] == "authorization"
    assert refused(site.other_owner, users.DeleteUser(own))[0] == "authorization"
    assert refused(site.owner, users.DeleteUser(own))[0] == "ok"
    assert refused(site.other_owner, users.DeleteUser(account_of(by_other)))[0] == "ok"
    assert refused(site.admin, users.DeleteUser(account_of(registered)))[0] == "ok"


def test_who_decides_sees_who_made_the_account(site: Cast) -> None:
    """THREATS 2.6, 1.4: who chose its password could read what is released to it; others are told who that is."""
    made = member(site.node, site.owner, "sock@x.org")
    registered = site.newcomer().register("by-herself@x.org", "a password")
    message = users.Register("sock2@x.org", "Sock", site.owner.sealed("a password"))
    site.owner.say(message, users.UserReply)
    second = site.newcomer().log_in("sock2@x.org", "a password")
    data = upload(site.other_owner)
    for person, maker in (
        (made, "owner@site.org"),
        (second, "owner@site.org"),
        (registered, ""),
        (site.scientist, ROOT[0]),
    ):
        request = person.request(fresh("return data", data))
        seen = site.other_owner.say(requests.GetRequest(request.uid), requests.RequestReply).request
        assert seen.requester.made_by == maker
