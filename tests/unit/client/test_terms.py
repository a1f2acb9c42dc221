"""Conditions of approvals and safeguards as people write and see them."""

from __future__ import annotations

import linecache
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import msgspec
import pytest

import syft as sy
from syft.client.assets import Asset, Dataset
from syft.client.client import Client
from syft.client.coderequests import Request
from syft.client.datasets import AssetView
from syft.client.terms import as_bounds, as_expiry, as_safeguards, safeguards_text
from syft.errors import InvalidInput, NotFound, PolicyExhausted
from syft.model.permission import Role
from syft.model.request import RequestState
from syft.model.terms import Bound
from syft.model.uid import UID
from syft.wire.codec import encode

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("written", "ahead"),
    [
        ("30 days", timedelta(days=30)),
        ("1 day", timedelta(days=1)),
        (" 1.5h ", timedelta(minutes=90)),
        ("90 s", timedelta(seconds=90)),
        ("10 MIN", timedelta(minutes=10)),
        ("2 weeks", timedelta(weeks=2)),
        (timedelta(hours=3), timedelta(hours=3)),
    ],
)
def test_a_time_is_read(written: Any, ahead: timedelta) -> None:
    assert as_expiry(written, NOW) == NOW + ahead


def test_a_moment_is_read_in_its_zone() -> None:
    there = datetime(2030, 1, 1, 5, tzinfo=timezone(timedelta(hours=5)))
    found = as_expiry(there)
    assert found == datetime(2030, 1, 1, tzinfo=UTC)
    assert found is not None
    assert found.tzinfo is UTC
    assert as_expiry(None) is None


@pytest.mark.parametrize(
    "written",
    [
        "",
        "soon",
        "30",
        "-1 day",
        "1 fortnight",
        30,
        True,
        datetime(2030, 1, 1),
        "999999999 weeks",
        timedelta.max,
    ],
)
def test_what_is_no_time_is_refused(written: Any) -> None:
    with pytest.raises(InvalidInput):
        as_expiry(written, NOW)


def test_bounds_are_read() -> None:
    written = {"a": (1, 10), "b": ["x", "y"], "c": sy.Bound(longest=3), "d": (None, 5), "e": {1}}
    assert as_bounds(written) == {
        "a": Bound(least=1.0, most=10.0),
        "b": Bound(one_of=(encode("x").to_bytes(), encode("y").to_bytes())),
        "c": Bound(longest=3),
        "d": Bound(most=5.0),
        "e": Bound(one_of=(encode(1).to_bytes(),)),
    }
    assert as_bounds(None) == {}


@pytest.mark.parametrize(
    "written",
    [
        "n < 3",
        {"n": 3},
        {"n": "abc"},
        {"n": (1, 2, 3)},
        {"n": (True, 2)},
        {"n": ("a", "b")},
        {"n": (0, 2**53 + 1)},
        {"n": (0, 10**400)},
        {"n": [[1]]},
        {"n": [b"x"]},
        {"n": [float("nan"), None]},
    ],
)
def test_what_is_no_bound_is_refused(written: Any) -> None:
    with pytest.raises(InvalidInput):
        as_bounds(written)


@pytest.mark.parametrize("wrong", [{"longest": True}, {"longest": 1.5}, {"one_of": "abc"}, {"least": "1"}])
def test_a_bound_that_cannot_be_is_not_made(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        sy.Bound(**wrong)


def test_a_bound_and_safeguards_are_shown() -> None:
    assert "from 1 to 10" in repr(sy.Bound(least=1, most=10))
    assert "anything" in repr(sy.Bound())
    demanded = sy.Safeguards(2, ["a@x.org", "a@x.org"], review=True)
    assert "2 people approve each request; a@x.org may approve too; a person looks" in repr(demanded)
    assert (demanded.approvals, demanded.approvers, demanded.review) == (2, ["a@x.org"], True)
    assert "nothing besides an approval" in repr(sy.Safeguards())
    assert safeguards_text(sy.Safeguards().record) == ""
    assert {sy.Safeguards(2), sy.Safeguards(2), sy.Safeguards()} == {sy.Safeguards(2), sy.Safeguards()}
    assert {sy.Bound(least=1), sy.Bound(least=1.0)} == {sy.Bound(least=1)}


@pytest.mark.parametrize(
    "wrong", [{"approvals": 0}, {"approvals": "2"}, {"approvals": True}, {"approvers": "a@x"}]
)
def test_safeguards_that_cannot_be_are_not_made(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        sy.Safeguards(**wrong)
    with pytest.raises(InvalidInput):
        as_safeguards({"approvals": 2})  # type: ignore[arg-type]


# --- at a node


def fresh(scientist: Client, data: AssetView, **rules: Any) -> Request:
    """A new function's request, as its scientist holds it."""
    name = f"scaled{UID().hex[:8]}"
    source = f"def {name}(data, n):\n    return int(data['A'].sum()) * n\n"
    space: dict[str, Any] = {}
    sy_function = sy.syft_function(
        input_policy=sy.MixedInputPolicy(data=data, n=int),
        output_policy=sy.OutputPolicyExecuteCount(100),
    )
    filename = f"<{name}>"
    linecache.cache[filename] = (len(source), None, source.splitlines(True), filename)
    exec(compile(source, filename, "exec"), space)
    scientist.code.request_code_execution(sy_function(space[name]))
    found = scientist.requests[-1]
    assert isinstance(found, Request)
    return found


@pytest.fixture
def data(scientist: Client) -> AssetView:
    return scientist.datasets["People"].assets["people"]


def reviewed(admin: Client, request: Request) -> Request:
    found = admin.requests[request.id]
    assert isinstance(found, Request)
    return found


def test_approved_with_conditions(admin: Client, scientist: Client, data: AssetView) -> None:
    """They are shown to both, and hold."""
    asked = fresh(scientist, data)
    request = reviewed(admin, asked)
    assert request.conditions == ""
    request.approve(expires="30 days", runs=2, bounds={"n": (1, 10)})
    assert request.expires_at is not None
    assert timedelta(days=29) < request.expires_at - datetime.now(UTC) <= timedelta(days=30)
    told = repr(scientist.requests[asked.id])
    assert "for 2 runs; n from 1 to 10" in told
    assert "0 of 2 begun" in told
    call = getattr(scientist.code, asked.code.name)
    assert call(data=data, n=2).get() == 12
    with pytest.raises(InvalidInput, match="from 1 to 10"):
        call(data=data, n=11)
    assert call(data=data, n=3).get() == 18
    with pytest.raises(PolicyExhausted, match="2 runs"):
        call(data=data, n=4)
    assert "2 of 2 begun" in repr(scientist.requests[asked.id])


def test_an_approval_that_has_ended_is_shown_as_such(
    admin: Client, scientist: Client, data: AssetView
) -> None:
    request = reviewed(admin, fresh(scientist, data))
    request.approve(expires="30 days")
    assert "Ended" not in repr(request)
    past = msgspec.structs.replace(request._view.terms, expires_at=datetime.now(UTC) - timedelta(seconds=1))
    request._view = msgspec.structs.replace(request._view, terms=past)
    assert "Ended: by the clock of this computer" in repr(request)


@pytest.mark.parametrize(
    "wrong", [{"runs": "3"}, {"runs": True}, {"times": 3}, {"users": ["a@x.org"]}, {"runs": 0}]
)
def test_conditions_that_cannot_be_read_change_nothing(
    admin: Client, scientist: Client, data: AssetView, wrong: dict[str, Any]
) -> None:
    request = reviewed(admin, fresh(scientist, data))
    with pytest.raises(InvalidInput):
        request.approve(**wrong)
    with pytest.raises(InvalidInput):
        request.approve(standing=True, users="a@x.org")
    assert request.status is RequestState.PENDING


@pytest.fixture
def fellow(admin: Client, scientist: Client, route: Any) -> Client:
    """Another administrator."""
    email = f"fellow{UID().hex[:6]}@test.org"
    admin.users.create(
        email=email, name="Fellow", password="12345678", password_verify="12345678", role=Role.ADMIN
    )
    return sy.login(email, "12345678", route=route)


def test_who_comes_second_agrees_by_changing_nothing(
    admin: Client, fellow: Client, scientist: Client, data: AssetView
) -> None:
    mine = admin.datasets["People"].assets["people"]
    mine.set_safeguards(sy.Safeguards(2, review=False))
    try:
        assert "2 people approve each request" in repr(data)
        asked = fresh(scientist, data)
        said = reviewed(admin, asked).approve(runs=7)
        assert "1 of 2 people have approved it" in str(said)
        second = reviewed(fellow, asked)
        assert (second.approvals_needed, second.approved_by) == (2, ["info@openmined.org"])
        assert "Approved so far by" in repr(second)
        second.approve(runs=5)
        assert second.status is RequestState.PENDING
        first = reviewed(admin, asked)
        assert "for something else than it is now: does not count" in repr(first)
        assert "for 5 runs" in repr(first)
        first.approve()
        assert first.status is RequestState.APPROVED
        assert first.conditions == "for 5 runs"
    finally:
        mine.set_safeguards()
    assert "Safeguards" not in repr(data)
    with pytest.raises(NotFound):
        data.set_safeguards(sy.Safeguards(2))


def test_somebody_else_says_yes_in_their_own_login(
    admin: Client, fellow: Client, scientist: Client, data: AssetView
) -> None:
    mine = admin.datasets["People"].assets["people"]
    mine.set_safeguards(sy.Safeguards(2))
    try:
        request = reviewed(admin, fresh(scientist, data))
        request.approve()
        assert request.status is RequestState.PENDING
        request.approve_with_client(fellow)
        assert request.status is RequestState.APPROVED
        assert [mail.split("@")[0][:6] for mail in reviewed(admin, request).approved_by] == ["info", "fellow"]
    finally:
        mine.set_safeguards()


def test_approved_in_advance(admin: Client, scientist: Client, data: AssetView) -> None:
    asked = fresh(scientist, data)
    reviewed(admin, asked).approve(standing=True, times=1, users=["sheldon@test.org"])
    one = next(one for one in admin.requests.standing if one.code_name == asked.code.name)
    assert (one.times, one.used, one.users) == (1, 0, ["sheldon@test.org"])
    assert one.approver_email == "info@openmined.org"
    assert one.request_id == asked.id
    assert "0 of 1" in repr(one)
    scientist.code.request_code_execution(asked.code)
    again = scientist.requests[-1]
    assert again.id != asked.id
    assert again.status is RequestState.APPROVED
    assert "a standing approval of " in repr(again)
    assert admin.requests.standing[one.id].used == 1
    assert "removed" in str(admin.requests.standing.remove(one.id))
    with pytest.raises(NotFound):
        admin.requests.standing[one.id]


def test_safeguards_go_up_with_a_dataset(admin: Client, scientist: Client) -> None:
    """Those of an asset before those of its dataset."""
    own = Asset("own", data=1, mock=0, safeguards=sy.Safeguards(3))
    rest = Asset("rest", data=1, mock=0)
    later = Asset("later", data=1, mock=0)
    later.set_safeguards(sy.Safeguards(1))
    assert "3 people" in repr(own)
    name = f"Guarded {UID().hex}"
    admin.upload_dataset(
        Dataset(name, asset_list=[own, rest, later], safeguards=sy.Safeguards(2, review=True))
    )
    found = {asset.name: asset.safeguards for asset in scientist.datasets[name].assets}
    assert found == {
        "own": sy.Safeguards(3),
        "rest": sy.Safeguards(2, review=True),
        "later": sy.Safeguards(1),
    }


def test_the_setting_is_shown_and_changed(admin: Client) -> None:
    try:
        admin.settings.update(approvals_needed=3)
        assert admin.settings.get().approvals_needed == 3
        assert "Approvals needed" in repr(admin.settings)
    finally:
        admin.settings.update(approvals_needed=1)
