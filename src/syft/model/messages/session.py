"""This module holds what is said about getting in: who are you, and this key speaks for me."""

from __future__ import annotations

import msgspec

from syft.model.message import Message
from syft.model.settings import NodeInfo
from syft.model.user import UserView


class Credentials(msgspec.Struct, frozen=True):
    """What is sealed to a node's key when a password must travel.

    Args:
        password: as typed.
        sender: the 32-byte key that signs the message around it: a sealed password lifted out of somebody
            else's message does not open for another key.
    """

    password: str
    sender: bytes

    def __repr__(self) -> str:
        return "Credentials(…)"


class GetNodeInfo(Message, frozen=True, tag="node.info"):
    """What is this node? Answered by `NodeInfoReply`."""


class NodeInfoReply(Message, frozen=True, tag="node.info.reply"):
    """What the node says of itself."""

    info: NodeInfo


class LogIn(Message, frozen=True, tag="session.login"):
    """Let the key that signs this message speak for an account, for a limited time. Answered by `LoggedIn`.

    Args:
        email: the account's login.
        sealed: `Credentials`, sealed to the node's key, so that nobody on the way can read the password.
    """

    email: str
    sealed: bytes


class LoggedIn(Message, frozen=True, tag="session.login.reply"):
    """The key is accepted.

    Args:
        account: for whom it speaks.
        expires_in_s: seconds until it must log in anew.
        default_password: whether the account still has the password that everybody knows.
    """

    account: UserView
    expires_in_s: float
    default_password: bool = False


class LogOut(Message, frozen=True, tag="session.logout"):
    """Revoke the key that signs this message."""
