"""This module decides which worker takes which role of a protocol."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

from syft.client.pointer import HasSession, id_of
from syft.client.session import Session
from syft.errors import InvalidInput, NotDeployed


def is_worker(thing: Any) -> bool:
    """Whether something can be asked to run a plan: a worker, or a client of a node."""
    return isinstance(getattr(thing, "session", None), Session)


def by_role(
    roles: Sequence[str], known: Mapping[str, HasSession], given: Mapping[str, HasSession]
) -> dict[str, HasSession]:
    """A worker for each role, as they were named.

    Args:
        roles: of each step.
        known: those that have a worker already.
        given: workers by role.
    Raises:
        NotDeployed: not exactly the roles that there are.
        InvalidInput: something that is no worker.
    """
    there = tuple(dict.fromkeys(roles))
    missing = [role for role in there if role not in given and role not in known]
    unknown = [role for role in given if role not in there]
    if missing or unknown:
        raise NotDeployed(
            f"The roles of this protocol are {', '.join(there)}. "
            + (f"Nobody was named for {', '.join(missing)}. " if missing else "")
            + (f"There is no {', '.join(unknown)}." if unknown else "")
        )
    _check_workers(list(given.values()))
    return {**known, **given}


def in_order(
    roles: Sequence[str], known: Mapping[str, HasSession], workers: Sequence[HasSession]
) -> tuple[list[str], dict[str, HasSession]]:
    """A worker for each role: by their ids, or one for each step, or one for each role as they first appear.

    Args:
        roles: of each step.
        known: those that have a worker already.
        workers: in the order given.
    Returns:
        The role of each step, which is another where one name got two workers; and the worker of each role.
    Raises:
        NotDeployed: too few or too many.
        InvalidInput: something that is no worker.
    """
    names = list(dict.fromkeys(roles))
    open_names = [name for name in names if name not in known]
    if len(workers) not in (len(roles), len(names), len(open_names)):
        raise NotDeployed(
            f"This protocol is designed for {len(names)} workers, but {len(workers)} were provided."
        )
    _check_workers(workers)
    by_id = _by_id(workers)
    if by_id and set(names) == set(by_id):
        return list(roles), {name: by_id[name] for name in names}
    if len(workers) in (len(names), len(roles)):
        _warn_of(set(names) & set(by_id))
    if len(workers) == len(names):
        return list(roles), dict(zip(names, workers, strict=True))
    if len(workers) == len(roles):
        return _one_each(roles, workers)
    return list(roles), {**known, **dict(zip(open_names, workers, strict=True))}


def same_node(one: HasSession, other: HasSession) -> bool:
    """Whether two workers are one node: by its UID, and by the key that nobody else has."""
    mine, theirs = one.session.info, other.session.info
    return (mine.uid, mine.verify_key) == (theirs.uid, theirs.verify_key)


def _check_workers(workers: Sequence[Any]) -> None:
    for one in workers:
        if not is_worker(one):
            raise InvalidInput(
                f"A worker is a sy.VirtualWorker or a client from sy.login(...), not {type(one).__name__} {one!r}."
            )


def _by_id(workers: Sequence[HasSession]) -> dict[str, HasSession]:
    """Workers by what they go by; none where two nodes go by one name, so that it says of neither which is meant."""
    found: dict[str, HasSession] = {}
    for worker in workers:
        if not same_node(found.setdefault(id_of(worker), worker), worker):
            return {}
    return found


def _one_each(roles: Sequence[str], workers: Sequence[HasSession]) -> tuple[list[str], dict[str, HasSession]]:
    """One worker for each step; a name that gets two becomes two."""
    own: list[str] = []
    found: dict[str, HasSession] = {}
    for number, (role, worker) in enumerate(zip(roles, workers, strict=True)):
        name = role if found.get(role, worker) is worker else f"{role}.{number + 1}"
        found[name] = worker
        own.append(name)
    return own, found


def _warn_of(known: set[str]) -> None:
    if known:
        warnings.warn(
            "You are deploying a protocol with workers for which only a subpart have ids that match an id chosen for "
            f"the protocol ({', '.join(sorted(known))}): they are taken in the order given.",
            UserWarning,
            stacklevel=5,
        )
