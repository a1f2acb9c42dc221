"""This module shows requests for worker pools, and lets administrators answer them."""

from __future__ import annotations

from syft.client.access import AnyRequest
from syft.client.present import Card, SyftSuccess, when
from syft.model.limits import limits_text
from syft.model.messages.requests import (
    ApproveRequest,
)
from syft.model.pool import PoolSpec


class PoolRequest(AnyRequest):
    """Somebody's wish for a worker pool, and the administrator's answer."""

    @property
    def pool(self) -> PoolSpec:
        """The pool as it is wanted."""
        assert self._view.pool is not None
        return self._view.pool

    @property
    def changes(self) -> str:
        """What approving it would change, in a sentence."""
        pool = self.pool
        parts = [
            f"{pool.workers} workers" if pool.workers else "as many workers as the server's settings say"
        ]
        if pool.isolation:
            parts.append(f"isolation {pool.isolation}")
        if pool.image_uid is not None:
            parts.append(
                f"the worker image {pool.image_uid.hex} (`client.images.get_by_uid(...)`), which must be built"
            )
        if pool.limits.said:
            parts.append(f"limits: {limits_text(pool.limits)}")
        return f"Request to make the worker pool '{pool.name}' with {', '.join(parts)}."

    def approve(self, disable_warnings: bool = False, approve_nested: bool = False) -> SyftSuccess:
        """Make the pool, exactly as this object shows it.

        Args:
            disable_warnings: accepted for those who knew it.
            approve_nested: likewise.
        Raises:
            AlreadyExists: there is one of that name by now.
            InvalidState: it was answered before.
            AuthorizationException: it is not yours to answer.
        """
        return self._answered(ApproveRequest(self.id, ""), f"The worker pool '{self.pool.name}' is there.")

    def _card(self) -> Card:
        view = self._view
        facts: list[tuple[str, object]] = [
            ("Id", view.uid.hex),
            ("Request time", when(view.created_at)),
            ("Status", f"RequestStatus.{view.state.name}"),
            ("Requested by", f"{view.requester.name} ({view.requester.email})"),
        ]
        if view.reason:
            facts.append(("Reason", view.reason))
        facts.append(("Changes", self.changes))
        if view.decided_by is not None:
            facts.append(("Answered by", f"{view.decided_by.name} ({when(view.decided_at)})"))
        if view.decision_reason:
            facts.append(("Answer", view.decision_reason))
        return Card("Request", facts)
