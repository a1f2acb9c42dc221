"""This module holds what is said about getting in: who are you, and this key speaks for me."""

from __future__ import annotations

from syft.model.message import Message
from syft.model.settings import NodeInfo
from syft.model.user import UserView


class GetNodeInfo(Message, tag="node.info"):
    """What is this node? Answered by `NodeInfoReply`."""


class NodeInfoReply(Message, tag="node.info.reply"):
    """What the node says of itself."""

    info: NodeInfo


class LogIn(Message, tag="session.login"):
    """Let the key that signs this message speak for an account, for a limited time. Answered by `LoggedIn`.

    Args:
        sealed: `Credentials`, sealed to the node's key, so that nobody on the way can read the password.
    """

    sealed: bytes


class LoggedIn(Message, tag="session.login.reply"):
    """The key is accepted.

    Args:
        account: for whom it speaks.
        expires_in_s: seconds until it must log in anew.
        default_password: whether the account still has the password that everybody knows.
    """

    account: UserView
    expires_in_s: float
    default_password: bool = False


class LogOut(Message, tag="session.logout"):
    """Revoke the key that signs this message."""
