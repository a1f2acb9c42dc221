"""This module decides for whom an envelope is; it reads the header and nothing else."""

from __future__ import annotations

from syft.errors import EnvelopeError
from syft.model.uid import UID
from syft.wire.envelope import Header


def check_for_me(header: Header, own: UID) -> None:
    """Raise unless the envelope's address ends at this node.

    Raises:
        EnvelopeError: it ends elsewhere, and this node knows no way there.
    """
    if header.address.target != own:
        raise EnvelopeError("This message is for another node; nothing was done with it.")
