"""Passwords, and those who guess them."""

import pytest

from syft.errors import InvalidInput, TooManyAttempts
from syft.node.passwords import Throttle, hash_password, is_password


def test_a_hash_tells_the_password_apart_and_does_not_hold_it() -> None:
    kept = hash_password("correct horse")
    assert kept.startswith("$argon2id$")
    assert "correct horse" not in kept
    assert is_password(kept, "correct horse")
    assert not is_password(kept, "correct horsE")
    assert kept != hash_password("correct horse")
    assert not is_password("not a hash", "x")


@pytest.mark.parametrize("password", ["", "x" * 1025])
def test_no_empty_or_endless_passwords(password: str) -> None:
    with pytest.raises(InvalidInput):
        hash_password(password)


def test_attempts_fill_a_bucket_that_drains() -> None:
    now = [0.0]
    throttle = Throttle(burst=3, per_s=0.5, clock=lambda: now[0])
    for _ in range(3):
        throttle.attempt("a")
    with pytest.raises(TooManyAttempts, match="Wait 2 s"):
        throttle.attempt("a", "b")
    for _ in range(3):
        throttle.attempt("b")
    now[0] = 2.1
    throttle.attempt("a")


def test_success_costs_nothing() -> None:
    throttle = Throttle(burst=1, per_s=1, clock=lambda: 0.0)
    for _ in range(100):
        throttle.attempt("a")
        throttle.succeeded("a")


def test_names_beyond_the_bound_push_out_the_oldest() -> None:
    throttle = Throttle(burst=1, per_s=1, clock=lambda: 0.0)
    throttle._MAX_NAMES = 2  # type: ignore[misc]
    for name in "abc":
        throttle.attempt(name)
    throttle.attempt("a")
    with pytest.raises(TooManyAttempts):
        throttle.attempt("c")
