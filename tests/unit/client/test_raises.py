"""Expecting errors."""

from __future__ import annotations

import pytest

from syft.client.raises import raises
from syft.errors import NotFound, SyftException


def test_expected_by_class(capsys: pytest.CaptureFixture[str]) -> None:
    with raises(SyftException):
        raise NotFound("There is none.")
    assert capsys.readouterr().out == ""


def test_expected_by_text_and_shown(capsys: pytest.CaptureFixture[str]) -> None:
    with raises(SyftException("*is none*"), show=True):
        raise NotFound("There is none.")
    assert capsys.readouterr().out == (
        "with sy.raises successfully caught the following exception:\nSyftError: NotFound: There is none.\n"
    )


def test_nothing_raised() -> None:
    with pytest.raises(AssertionError, match="SyftException was not raised"), raises(SyftException):
        pass


def test_something_else_raised() -> None:
    with (
        pytest.raises(AssertionError, match="ValueError was raised, not SyftException"),
        raises(SyftException),
    ):
        raise ValueError("x")


def test_another_text() -> None:
    with pytest.raises(AssertionError, match="not 'other'"), raises(SyftException("*other*")):
        raise SyftException("this")
