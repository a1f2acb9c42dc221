"""This module is a door: who may have a service done, in the words of PySyft 0.5."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from syft.errors import AuthorizationException, InvalidInput
from syft.model.permission import Capability

__all__ = ["AuthorizationException", "needs_of", "service_auth"]

S = TypeVar("S", bound=Callable[..., Any])

# What each flag asks for, in the order in which they are looked at. The roles behind them are `access/roles`'.
_FLAGS = {
    "root_only": Capability.ADMINISTER,
    "admin_only": Capability.CHANGE_SETTINGS,
    "cpl_ofcr_only": Capability.READ_EVENTS,
    "existing_users_only": Capability.USE_ACCOUNT,
    "guests_welcome": Capability.LOOK_AROUND,
}


def service_auth(
    root_only: bool = False,
    admin_only: bool = False,
    cpl_ofcr_only: bool = False,
    existing_users_only: bool = False,
    guests_welcome: bool = False,
    register_new_guests: bool = False,
) -> Callable[[S], S]:
    """Say who may have `process(node, msg, verify_key)` done; the node's table asks before it is called.

    Args:
        root_only: the root key, and administrators.
        admin_only: administrators.
        cpl_ofcr_only: who may read the log; administrators.
        existing_users_only: who has an account.
        guests_welcome: everybody whose signature is good.
        register_new_guests: kept for the old signature; looking around makes nobody an account.
    Raises:
        InvalidInput: no flag; nothing is open to everybody by being forgotten.
    """
    given = {
        "root_only": root_only,
        "admin_only": admin_only,
        "cpl_ofcr_only": cpl_ofcr_only,
        "existing_users_only": existing_users_only,
        "guests_welcome": guests_welcome,
    }
    needs = next((capability for flag, capability in _FLAGS.items() if given[flag]), None)
    if needs is None:
        raise InvalidInput("You must configure services auth with a flag.")

    def keep(process: S) -> S:
        process.__needs__ = needs  # type: ignore[attr-defined]  # read by `needs_of`
        return process

    return keep


def needs_of(process: Callable[..., Any]) -> Capability:
    """The capability that `service_auth` asked for.

    Raises:
        InvalidInput: the function was not decorated.
    """
    needs = getattr(process, "__needs__", None)
    if not isinstance(needs, Capability):
        raise InvalidInput("A service says who may have it: decorate `process` with `@service_auth(...)`.")
    return needs
