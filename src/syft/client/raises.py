"""This module expects errors: `with sy.raises(...)` in notebooks that show what is refused."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from syft.client.present import SyftError, say


@contextmanager
def raises(expected: type[BaseException] | BaseException, show: bool = False) -> Iterator[None]:
    """Expect an error in the block below, and go on after it.

    Args:
        expected: its class; or an error of that class, whose text but for `*` must be part of the one raised.
        show: show the error that was caught.
    Raises:
        AssertionError: nothing was raised, or something else.
    """
    kind = expected if isinstance(expected, type) else type(expected)
    text = "" if isinstance(expected, type) else str(expected).replace("*", "")
    try:
        yield
    except kind as error:
        if text not in str(error):
            raise AssertionError(
                f"{kind.__name__} was raised, but says {str(error)!r}, not {text!r}"
            ) from error
        if show:
            say("with sy.raises successfully caught the following exception:")
            say(SyftError(f"{type(error).__name__}: {error}"))
        return
    except Exception as error:
        raise AssertionError(f"{type(error).__name__} was raised, not {kind.__name__}: {error}") from error
    raise AssertionError(f"{kind.__name__} was not raised")
