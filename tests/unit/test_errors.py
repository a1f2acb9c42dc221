"""The tree of errors as it travels."""

from syft.errors import BY_CODE, NotFound, RemoteError, SyftException, from_code
from syft.model.message import refusal


def test_every_error_comes_back_as_itself() -> None:
    for code, kind in BY_CODE.items():
        told = refusal(kind("what happened", private_message="secret"))
        assert told.code == code
        back = from_code(told.code, told.text)
        assert type(back) is kind
        assert str(back) == back.public == "what happened"
        assert back.private_message == ""


def test_an_error_of_a_newer_node_is_still_an_error() -> None:
    assert type(from_code("from_the_future", "x")) is RemoteError


def test_codes_are_stable() -> None:
    assert BY_CODE["not_found"] is NotFound
    assert BY_CODE["error"] is SyftException
