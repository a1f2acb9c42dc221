"""Guessing is slow, keys end, and a sealed password is worth nothing elsewhere (THREATS 2.3, 2.4)."""

from __future__ import annotations

import threading
import time
import tracemalloc
from pathlib import Path

import pytest

from support.people import ROOT, Person
from support.sites import (
    PASSWORD,
    Cast,
    OriginRoute,
    account_of,
    again,
    cast_on,
    log_lines,
    logged,
    member,
    opened,
    refused,
    upload,
)
from syft.client.login import login
from syft.errors import AuthenticationError, TooManyAttempts
from syft.model.identity import Identity, seal_for
from syft.model.message import Done
from syft.model.messages import datasets, session, settings, users
from syft.model.permission import Role
from syft.model.uid import UID
from syft.model.user import SessionKey
from syft.node.passwords import Throttle, nobody
from syft.node.services import session as sessions
from syft.node.services.session import MAX_SESSIONS
from syft.server.serve import safe_host
from syft.transport.memory import MemoryRoute
from syft.wire.records import encode_record


@pytest.fixture(autouse=True)
def patient(site: Cast) -> None:
    """Nobody has failed yet."""
    forget_failures(site)


def forget_failures(site: Cast) -> None:
    inside = site.site.refusals
    for throttle in (
        site.site.account_throttle,
        site.site.origin_throttle,
        inside._parties,
        inside._strangers,
    ):
        throttle._levels.clear()


def from_afar(site: Cast, origin: str = "10.0.0.9") -> Person:
    return Person(OriginRoute(site.node, origin))


def attempt(person: Person, email: str, password: str) -> tuple[str, str]:
    return refused(person, session.LogIn(email, person.sealed(password)))


# 2.3: the password that everybody knows


@pytest.mark.parametrize("origin", ["10.0.0.9", "127.0.0.2", "localhost", "::ffff:127.0.0.1", "unknown", ""])
def test_the_default_password_from_another_machine(site: Cast, origin: str) -> None:
    """THREATS 2.3: refused, and no key is taken; from this machine it is accepted, and said to be the default."""
    before = site.count(SessionKey)
    code, text = attempt(from_afar(site, origin), *ROOT)
    assert (code, "own machine only" in text) == ("authentication", True)
    assert site.count(SessionKey) == before
    for local in ("local", "127.0.0.1", "::1"):
        person = from_afar(site, local)
        reply = person.say(session.LogIn(ROOT[0], person.sealed(ROOT[1])), session.LoggedIn)
        assert reply.default_password


def test_where_it_listens_while_the_password_is_the_default(tmp_path: Path) -> None:
    """THREATS 2.3: on this machine only, and it says so; once it is changed, where it was told to."""
    with opened(tmp_path, start=False) as node:
        for asked in ("0.0.0.0", "::", "10.0.0.1", "example.org", "127.0.0.1.nip.io", ""):
            host, note = safe_host(node, asked)
            assert host == "127.0.0.1"
            assert "default password" in note
        for loopback in ("127.0.0.1", "localhost", "::1", "127.0.0.5"):
            assert safe_host(node, loopback) == (loopback, "")
        admin = Person(MemoryRoute(node)).log_in(*ROOT)
        root = account_of(admin)
        admin.say(users.UpdateUser(root, sealed=admin.sealed("not the default")), users.UserReply)
        assert safe_host(node, "0.0.0.0") == ("0.0.0.0", "")
        far = Person(OriginRoute(node, "10.0.0.9"))
        assert not far.say(
            session.LogIn(ROOT[0], far.sealed("not the default")), session.LoggedIn
        ).default_password
        # And back again: refused from afar, also on a node that listens there already.
        admin.say(users.UpdateUser(root, sealed=admin.sealed(ROOT[1])), users.UserReply)
        assert safe_host(node, "0.0.0.0")[0] == "127.0.0.1"
        assert attempt(Person(OriginRoute(node, "10.0.0.9")), *ROOT)[0] == "authentication"


def test_a_node_made_with_another_password_has_no_default(tmp_path: Path) -> None:
    """THREATS 2.3: set before the first start, the default opens nothing."""
    with opened(tmp_path, start=False, root_password="from the start") as node:
        assert not node.has_default_password
        assert attempt(Person(MemoryRoute(node)), *ROOT)[0] == "authentication"
        Person(OriginRoute(node, "10.0.0.9")).log_in(ROOT[0], "from the start")
        assert safe_host(node, "0.0.0.0") == ("0.0.0.0", "")


# 2.4: guessing


def test_guessing_at_one_account(site: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    """THREATS 2.4: ten free failures, then the right password waits too; other accounts do not, and time heals."""
    now = [1000.0]
    monkeypatch.setattr(site.site.account_throttle, "_clock", lambda: now[0])
    mail = "other_scientist@site.org"
    for _ in range(10):
        assert attempt(site.newcomer(), mail, "wrong")[0] == "authentication"
    for email in (mail, mail.upper()):
        code, text = attempt(site.newcomer(), email, PASSWORD)
        assert (code, "Wait" in text) == ("too_many_attempts", True)
    assert attempt(site.newcomer(), "owner@site.org", PASSWORD)[0] == "ok"
    now[0] += 7
    assert attempt(site.newcomer(), mail, PASSWORD)[0] == "ok"
    assert attempt(site.newcomer(), mail, "wrong")[0] == "authentication"
    assert attempt(site.newcomer(), mail, "wrong")[0] == "too_many_attempts"


def test_guessing_at_many_accounts_from_one_address(site: Cast) -> None:
    """THREATS 2.4: thirty failures an address, on whatever accounts; another address is not held up."""
    origin = "10.0.0.9"
    answers = [attempt(from_afar(site, origin), f"user{n}@x.org", "wrong")[0] for n in range(40)]
    allowed = answers.index("too_many_attempts")
    assert 30 <= allowed <= 35  # some drain away meanwhile
    assert attempt(from_afar(site, origin), "owner@site.org", PASSWORD)[0] == "too_many_attempts"
    assert attempt(from_afar(site, "10.0.0.10"), "owner@site.org", PASSWORD)[0] == "ok"


def test_guessing_many_times_at_once(site: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    """THREATS 2.4: forty guesses in parallel are forty guesses, not one."""
    checked = count_checks(monkeypatch)
    people = [site.newcomer() for _ in range(40)]
    barrier = threading.Barrier(len(people))

    def guess(person: Person) -> None:
        barrier.wait()
        attempt(person, "owner@site.org", "wrong")

    threads = [threading.Thread(target=guess, args=(person,)) for person in people]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(checked) <= 12


def count_checks(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The hashes against which passwords are checked from now on."""
    checked: list[str] = []
    check = sessions.is_password

    def counted(password_hash: str, password: str) -> bool:
        checked.append(password_hash)
        return check(password_hash, password)

    monkeypatch.setattr(sessions, "is_password", counted)
    return checked


def test_an_unknown_email_has_the_same_answer_after_the_same_work(
    site: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    """THREATS 2.4: one check against a hash of the same cost, one event, one text."""
    checked = count_checks(monkeypatch)
    before = site.count_events()
    known = attempt(site.newcomer(), "owner@site.org", "wrong")
    unknown = attempt(site.newcomer(), "nobody@site.org", "wrong")
    assert known == unknown
    assert len(checked) == 2
    assert checked[1] == nobody()
    assert checked[0].split("$")[1:4] == checked[1].split("$")[1:4]
    verbs = [one.event.verb for one in site.events(after=before)]
    assert verbs == ["session.login_failed"] * 2
    for _ in range(9):
        attempt(site.newcomer(), "nobody@site.org", "wrong")
        attempt(site.newcomer(), "owner@site.org", "wrong")
    # Held up alike, too.
    assert [attempt(site.newcomer(), f"{one}@site.org", "wrong")[0] for one in ("nobody", "owner")] == [
        "too_many_attempts"
    ] * 2


def test_failed_logins_cost_bounded_memory(site: Cast) -> None:
    """THREATS 2.4, 2.5: what is remembered of a guess does not grow with what the guesser sent."""
    guest = from_afar(site, "10.0.0.11")
    attempt(guest, "warm@up.org", "wrong")
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        for number in range(8):
            attempt(guest, f"{number}" + "x" * 2_000_000 + "@x.org", "wrong")
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after - before < 1_000_000


def test_a_throttle_forgets_the_oldest_names() -> None:
    """THREATS 2.4: names cost memory; there is a bound, and it does not let the newest off."""
    throttle = Throttle(1, 0.001, clock=lambda: 0.0)
    for number in range(Throttle._MAX_NAMES + 10):
        throttle.attempt(str(number))
    assert len(throttle._levels) == Throttle._MAX_NAMES
    throttle.attempt("0")
    with pytest.raises(TooManyAttempts):
        throttle.attempt(str(Throttle._MAX_NAMES + 9))


def test_registering_many_accounts_from_one_address(site: Cast) -> None:
    """THREATS 2.4: a stranger makes thirty, not thousands; sign-up can be closed."""
    codes = []
    for number in range(36):
        guest = from_afar(site, "10.0.0.12")
        codes.append(refused(guest, users.Register(f"many{number}@x.org", "M", guest.sealed("p")))[0])
    assert codes[:30] == ["ok"] * 30
    assert "too_many_attempts" in codes
    site.admin.say(settings.UpdateSettings(signup_enabled=False), settings.SettingsReply)
    try:
        guest = site.newcomer()
        assert refused(guest, users.Register("late@x.org", "L", guest.sealed("p")))[0] == "authorization"
    finally:
        site.admin.say(settings.UpdateSettings(signup_enabled=True), settings.SettingsReply)


# 2.4: keys end


def works(person: Person) -> bool:
    return refused(person, users.GetAccount())[0] == "ok"


def test_a_key_that_logged_out(site: Cast) -> None:
    """THREATS 2.4: refused with the next message; other keys of the account go on; it can log in again."""
    person = member(site.node, site.admin, "leaver@site.org")
    other = site.newcomer().log_in("leaver@site.org", PASSWORD)
    person.say(session.LogOut(), Done)
    assert not works(person)
    assert works(other)
    assert works(person.log_in("leaver@site.org", PASSWORD))


def test_keys_of_a_deleted_account(site: Cast) -> None:
    """THREATS 2.4: all of them, at once; an account made anew under the e-mail is another."""
    person = member(site.node, site.admin, "gone@site.org")
    other = site.newcomer().log_in("gone@site.org", PASSWORD)
    assert works(person)
    site.admin.say(users.DeleteUser(account_of(person)), Done)
    assert not works(person)
    assert not works(other)
    member(site.node, site.admin, "gone@site.org")
    assert not works(person)
    assert not works(other)


def test_keys_of_an_account_with_a_new_password(site: Cast) -> None:
    """THREATS 2.4: whoever had the old one is out; who changed it stays."""
    person = member(site.node, site.admin, "changer@site.org")
    uid = account_of(person)
    thief = site.newcomer().log_in("changer@site.org", PASSWORD)
    person.say(users.UpdateUser(uid, sealed=person.sealed("another")), users.UserReply)
    assert works(person)
    assert not works(thief)
    assert attempt(thief, "changer@site.org", PASSWORD)[0] == "authentication"
    site.admin.say(users.UpdateUser(uid, sealed=site.admin.sealed("by an admin")), users.UserReply)
    assert not works(person)


def test_a_key_of_a_demoted_account(site: Cast) -> None:
    """THREATS 2.4: the new role counts from the next message on."""
    person = member(site.node, site.admin, "sinking@site.org", Role.DATA_OWNER)
    upload(person)
    site.admin.say(users.UpdateUser(account_of(person), role=Role.DATA_SCIENTIST), users.UserReply)
    assert refused(person, datasets.CreateDataset("no more"))[0] == "authorization"


def test_an_expired_key(tmp_path: Path) -> None:
    """THREATS 2.4: refused when its time is over, also by a node that was opened anew."""
    with opened(tmp_path, start=False, session_hours=1.0 / 3600) as node:
        admin = Person(MemoryRoute(node))
        reply = admin.say(session.LogIn(ROOT[0], admin.sealed(ROOT[1])), session.LoggedIn)
        assert reply.expires_in_s == pytest.approx(1.0)
        assert works(admin)
        time.sleep(1.05)
        assert not works(admin)
    with opened(tmp_path, start=False) as node:
        assert not works(again(node, admin))


def test_keys_of_closed_sessions_after_a_restart(tmp_path: Path) -> None:
    """THREATS 2.4: a node that was opened anew remembers which keys were revoked, and which were not."""
    with opened(tmp_path, start=False) as node:
        site = cast_on(node, tmp_path)
        site.scientist.say(session.LogOut(), Done)
    with opened(tmp_path, start=False) as node:
        assert not works(again(node, site.scientist))
        assert works(again(node, site.owner))


def test_an_account_has_a_bounded_number_of_keys(site: Cast) -> None:
    """THREATS 2.4: endless tokens; the oldest go first."""
    first = member(site.node, site.admin, "many@site.org")
    uid = account_of(first)
    people = [site.newcomer().log_in("many@site.org", PASSWORD) for _ in range(MAX_SESSIONS)]
    assert site.count(SessionKey, user_uid=uid) == MAX_SESSIONS
    assert not works(first)
    assert works(people[0])
    assert works(people[-1])
    for _ in range(3):
        people[-1].log_in("many@site.org", PASSWORD)
    assert site.count(SessionKey, user_uid=uid) <= MAX_SESSIONS
    assert works(people[-1])


def test_a_key_speaks_for_one_account(site: Cast) -> None:
    """THREATS 2.4: logging in to another account with the same key does not move it there."""
    person = member(site.node, site.admin, "single@site.org")
    code, text = attempt(person, "owner@site.org", PASSWORD)
    assert (code, "another account" in text) == ("authentication", True)
    assert person.say(users.GetAccount(), users.UserReply).user.email == "single@site.org"


# 2.4: a sealed password


def test_a_sealed_password_of_anothers_message(site: Cast) -> None:
    """THREATS 2.4: recorded on the way and sent by another key, it opens nothing."""
    victim, thief = site.newcomer(), site.newcomer()
    sealed = victim.sealed(PASSWORD)
    for message in (
        session.LogIn("owner@site.org", sealed),
        users.Register("thief@x.org", "Thief", sealed),
    ):
        code, text = refused(thief, message)
        assert (code, "another sender" in text) == ("invalid_input", True)
    assert not works(thief)
    assert refused(victim, session.LogIn("owner@site.org", sealed))[0] == "ok"


def test_a_password_sealed_for_another_node(site: Cast) -> None:
    """THREATS 2.4: and what is no sealed password at all."""
    guest = site.newcomer()
    credentials = encode_record(session.Credentials(PASSWORD, guest.identity.verify_key))
    elsewhere = seal_for(Identity.generate().verify_key, credentials)
    here = bytes.fromhex(guest.node.verify_key)
    flipped = bytearray(guest.sealed(PASSWORD))
    flipped[-1] ^= 1
    for sealed in (elsewhere, b"", b"x" * 100, credentials, bytes(flipped), guest.sealed(PASSWORD)[:-1]):
        assert refused(guest, session.LogIn("owner@site.org", sealed))[0] == "invalid_input"
    for inside in (b"", b"\xc1", encode_record(session.GetNodeInfo()), b"\x91" * 100_000):
        assert refused(guest, session.LogIn("owner@site.org", seal_for(here, inside)))[0] == "decode"
    forget_failures(site)
    assert refused(guest, session.LogIn("owner@site.org", guest.sealed(PASSWORD)))[0] == "ok"


def test_a_password_seen_on_the_way_tells_nothing(site: Cast) -> None:
    """THREATS 2.2, 2.4: the same password is sealed otherwise each time, and is not in the message's bytes."""
    guest = site.newcomer()
    sealed = {guest.sealed(PASSWORD) for _ in range(3)}
    assert len(sealed) == 3
    for one in sealed:
        assert PASSWORD.encode() not in encode_record(session.LogIn("owner@site.org", one))


@pytest.mark.parametrize("password", ["", "x" * 1025])
def test_a_password_of_no_or_too_many_characters(site: Cast, password: str) -> None:
    """THREATS 2.4: hashing costs; what is hashed is bounded, and no account has no password."""
    guest = site.newcomer()
    register = users.Register(f"{UID().hex}@x.org", "N", guest.sealed(password))
    assert refused(guest, register)[0] == "invalid_input"
    with pytest.raises(AuthenticationError):
        guest.log_in("owner@site.org", password)


def test_the_log_holds_no_password_and_no_email(site: Cast) -> None:
    """THREATS 2.2, 2.4: at the most talkative level, right and wrong."""
    with logged("DEBUG") as stream:
        person = site.newcomer()
        attempt(person, "owner@site.org", "Wr0ngSecret")
        person.log_in("owner@site.org", PASSWORD)
        guest = site.newcomer()
        guest.register("fresh@x.org", "N3wSecret")
        own = account_of(guest)
        guest.say(users.UpdateUser(own, sealed=guest.sealed("Ch4ngedSecret")), users.UserReply)
    text = stream.getvalue()
    assert {line["tag"] for line in log_lines(stream) if "tag" in line} >= {"LogIn", "Register", "UpdateUser"}
    for secret in ("Wr0ngSecret", "N3wSecret", "Ch4ngedSecret", PASSWORD, "owner@site.org", "fresh@x.org"):
        assert secret not in text


def test_a_key_comes_from_nothing_that_can_be_guessed(tmp_path: Path) -> None:
    """THREATS 2.3: neither a node's name nor an account's e-mail and password make its key: the same give others."""
    keys = []
    for number in range(2):
        home = tmp_path / str(number)
        home.mkdir()
        with opened(home, start=False) as node:
            keys.append(node.info.verify_key)
            clients = [login(email=ROOT[0], password=ROOT[1], route=MemoryRoute(node)) for _ in range(2)]
            keys += [client.identity.verify_key.hex() for client in clients]
            assert [client.account.email for client in clients] == [ROOT[0]] * 2
    assert len(set(keys)) == 6
