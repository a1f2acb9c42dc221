"""This module holds what is said about nodes themselves: who they are, and of what they are part."""

from __future__ import annotations

from typing import ClassVar

from syft.model.address import Address
from syft.model.message import Message
from syft.model.settings import NodeInfo
from syft.model.uid import UID


class ShowNode(Message, frozen=True, tag="node.show"):
    """Write down who you are, where your operator reads it. Has no answer."""

    may_wait: ClassVar[bool] = True


class Custom(Message, frozen=True, tag="node.custom"):
    """Something of a kind that only nodes know whose own process taught it to them.

    Args:
        name: of the kind.
        content: an encoded value.
    """

    # Of each kind its handler says so besides (`node/dispatch`).
    may_wait: ClassVar[bool] = True

    name: str
    content: bytes = b""


class Registration(Message, frozen=True, tag="node.registration"):
    """I am this node. Said by a node about itself, to one other; nobody handles it, it is shown.

    Args:
        info: what the node says of itself; its key is the one that signs this.
        url: where others reach it; empty for one that only this process reaches.
    """

    info: NodeInfo
    url: str = ""


class Introduce(Message, frozen=True, tag="node.introduce"):
    """Sign a `Registration` for that node, by which it knows your key. Answered by `Introduction`.

    Args:
        to: the node that will read it.
        url: where others reach you, as your administrator says.
    """

    to: NodeInfo
    url: str = ""


class Introduction(Message, frozen=True, tag="node.introduce.reply"):
    """A signed `Registration`.

    Args:
        envelope: its bytes.
    """

    envelope: bytes


class RegisterChild(Message, frozen=True, tag="node.register_child"):
    """Have that node as a part of you from now on. Answered by `Ancestry`.

    Args:
        introduction: what the child signed for you, a moment ago.
    """

    introduction: bytes


class Ancestry(Message, frozen=True, tag="node.register_child.reply"):
    """What a child has above it.

    Args:
        parent: what the node that answers says of itself.
    """

    parent: NodeInfo


class TakeAncestry(Message, frozen=True, tag="node.take_ancestry"):
    """You are a part of that node, which is there. The first time by your administrator, then by that node's key.

    Args:
        parent: what it says of itself.
        url: where it is; empty for one in this process, or where it is as it was.
        as_of_ms: when that was so, by the parent's clock: what comes late does not undo what is newer.
    """

    may_wait: ClassVar[bool] = True

    parent: NodeInfo
    url: str = ""
    as_of_ms: int = 0

    @property
    def above(self) -> Address:
        """The parent's own address."""
        return self.parent.address


class KnowGateway(Message, frozen=True, tag="node.know_gateway"):
    """You are a member of that gateway: mail that is for nobody you know goes there.

    Args:
        gateway: what it says of itself.
        url: where it is; empty for one in this process.
    """

    gateway: NodeInfo
    url: str = ""


class RemovePeer(Message, frozen=True, tag="node.remove_peer"):
    """Know that node no longer, whatever it was to you.

    Args:
        node_uid: the other node's.
    """

    node_uid: UID


class Deliver(Message, frozen=True, tag="mail.deliver"):
    """Keep that letter until it has arrived: I answer for it, whoever has signed it. Answered by `Taken`.

    Args:
        envelope: of an eventual message, sealed.
    """

    envelope: bytes


class Taken(Message, frozen=True, tag="mail.taken"):
    """The node that says this has your message on its disk, and will see to it."""
