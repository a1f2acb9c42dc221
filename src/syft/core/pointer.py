"""This module is a door: pointers of PySyft 0.5, which are the one pointer of this library with the old `get`."""

from __future__ import annotations

import contextlib
from typing import Any, Self

from syft.client.pointer import Pointer as CorePointer
from syft.errors import AuthorizationException, NotFound, SyftException
from syft.model.request import RequestState


class Pointer(CorePointer):
    """A reference to a value at a node."""

    @classmethod
    def to(cls, pointer: CorePointer) -> Self:
        """The same reference, with the old names."""
        if isinstance(pointer, cls):
            return pointer
        made = cls(pointer.id, client=pointer.client, view=pointer.refresh()._view)
        if pointer.gc_enabled:
            pointer.let_live()
            made.let_die()
        return made

    def get(
        self,
        request_block: bool = False,
        timeout_secs: float = 20,
        reason: str = "",
        delete_obj: bool = True,
        verbose: bool = False,
    ) -> Any:
        """The value, taken from the node: its owner has it back, and the object is gone there.

        Args:
            request_block: ask for it where you may not have it, and wait for the answer.
            timeout_secs: for how long.
            reason: why; the owner reads it.
            delete_obj: whether to take it. What is not yours stays where it is, whatever is said here.
            verbose: kept for the old signature.
        Returns:
            The value; None where the request was denied, or nobody answered.
        Raises:
            AuthorizationException: you may not read it; ask with `.request()`.
            ReferenceError: it was taken before.
        """
        if self._is_gone:
            raise ReferenceError("Object has already been deleted. This pointer is exhausted")
        if request_block and not self.check_access():
            answer = self.request(reason=reason, block=True, timeout_secs=timeout_secs)
            if answer.status is not RequestState.APPROVED:
                return None
        try:
            value = self.get_copy()
        except NotFound as error:
            raise AuthorizationException(
                f"You do not have permission to .get() Object with ID: {self.id} Please submit a request."
            ) from error
        if delete_obj and self.gc_enabled and self._about().op:
            # It stands in no list: nobody sees that it goes a little later.
            self.give_up()
        elif delete_obj:
            with contextlib.suppress(SyftException):  # another's: it was read, and stays
                self.delete()
        return value
