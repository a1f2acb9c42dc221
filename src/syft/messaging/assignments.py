"""This module is a door: which plan is whose in a protocol, as pairs of ids, and the plans by their ids again."""

from __future__ import annotations

import weakref
from typing import Any

from syft.client.placement import is_worker
from syft.client.plans import Plan, PointerPlan, pointer_to
from syft.exceptions import ObjectNotFoundError
from syft.messaging.protobuf import Assignment
from syft.model.object import ObjectKind
from syft.workers import fetch, find, get_worker, id_of
from syft.workers.pointers import not_found

# Plans that were serialized by their id alone, as long as somebody here holds them.
_seen: weakref.WeakValueDictionary[str, Plan] = weakref.WeakValueDictionary()


def assigned(protocol: Any) -> list[Assignment]:
    """Each step's worker, by its id or the role's name, and its plan, by its id.

    Raises:
        TypeError: a plan is no `sy.Plan` or `sy.PointerPlan`.
    """
    pairs: list[Assignment] = []
    for worker, plan in protocol.plans:
        where = id_of(worker) if is_worker(worker) else worker
        if isinstance(plan, PointerPlan):
            pairs.append((where, plan.id_at_location))
        elif isinstance(plan, Plan):
            _seen[str(plan.id)] = plan
            pairs.append((where, plan.id))
        else:
            raise TypeError("This is not a valid Plan")
    return pairs


def look_up(worker: Any, assignment: Assignment, resolved: bool) -> tuple[Any, Any]:
    """A pair of worker, or name, and plan.

    Args:
        worker: who asks; a plan that is not in this process is looked for there.
        assignment: of ids.
        resolved: whether the workers are real ones, which keep the plans.
    Raises:
        ObjectNotFoundError: there is no such plan.
        WorkerNotFoundException: a real worker is not known in this process.
    """
    where, plan_id = assignment
    local = _seen.get(str(plan_id))
    if not resolved:
        return where, local if local is not None else fetch(worker, ObjectKind.PLAN, plan_id)
    place = get_worker(where)
    try:
        view = find(place, plan_id)
    except ObjectNotFoundError:
        if local is None:
            raise
        return place, local
    if view.kind is not ObjectKind.PLAN:
        raise not_found(plan_id, place)
    return place, pointer_to(place, view)
