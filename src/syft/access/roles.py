"""This module is the one table of what each role may do; what it does not say is refused."""

from __future__ import annotations

from typing import Final

from syft.model.peer import Relation
from syft.model.permission import Capability, Role

_GUEST: Final = frozenset(
    {
        Capability.LOOK_AROUND,
        Capability.LOG_IN,
        Capability.REGISTER,
        Capability.BROWSE_DATASETS,
        Capability.READ_VALUES,
        Capability.JOIN_NETWORK,
        Capability.HAND_OVER,
        Capability.JOIN_POOL,
    }
)
_DATA_SCIENTIST: Final = _GUEST | {
    Capability.USE_ACCOUNT,
    Capability.SUBMIT_CODE,
    Capability.RUN_CODE,
    Capability.VIEW_POOLS,
    Capability.KEEP_OBJECTS,
    Capability.ANSWER_REQUESTS,
    Capability.TAKE_CHECKPOINTS,
}
_DATA_OWNER: Final = _DATA_SCIENTIST | {
    Capability.UPLOAD_DATA,
    Capability.DECIDE_REQUESTS,
    Capability.VIEW_USERS,
    Capability.MANAGE_USERS,
    Capability.VIEW_SETTINGS,
    Capability.SUBMIT_IMAGES,
}
_ADMIN: Final = _DATA_OWNER | {
    Capability.CHANGE_SETTINGS,
    Capability.READ_EVENTS,
    Capability.MANAGE_POOLS,
    Capability.ADMINISTER,
    Capability.TAKE_ANCESTRY,
    Capability.MANAGE_PEERS,
}

CAPABILITIES: Final[dict[Role, frozenset[Capability]]] = {
    Role.NONE: frozenset(),
    Role.GUEST: _GUEST,
    Role.DATA_SCIENTIST: _DATA_SCIENTIST,
    Role.DATA_OWNER: _DATA_OWNER,
    Role.ADMIN: _ADMIN,
}

# What a guest may still do where the administrator does not let guests look around.
# The sites of a protocol are no guests who look around: what they hand over an owner has approved, key and all.
# Nor is a machine that asks to be a worker: an administrator decides about its key.
WITHOUT_GUEST_SESSIONS: Final = frozenset(
    {
        Capability.LOOK_AROUND,
        Capability.LOG_IN,
        Capability.REGISTER,
        Capability.HAND_OVER,
        Capability.JOIN_POOL,
    }
)

# What the key of an admitted worker may do, and nobody else's: no role has the second. It has no account, finds
# no objects, asks for no values but those of orders that it holds.
WORKER_CAPABILITIES: Final = frozenset({Capability.LOOK_AROUND, Capability.JOIN_POOL, Capability.TAKE_WORK})

# What the key of another node may do here, by what that node is to this one; it is no guest, and has no account.
_PEER: Final = frozenset({Capability.LOOK_AROUND, Capability.HAND_OVER})
PEER_CAPABILITIES: Final[dict[Relation, frozenset[Capability]]] = {
    Relation.PARENT: _PEER | {Capability.TAKE_ANCESTRY},
    Relation.CHILD: _PEER,
    Relation.MEMBER: _PEER,
    Relation.GATEWAY: _PEER,
}
