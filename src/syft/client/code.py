"""This module hands functions in, asks for their approval, and lists them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from syft.client.coderequests import Request
from syft.client.function import SyftFunction
from syft.client.lists import Listing, ViewList
from syft.client.present import SyftSuccess, SyftWarning, say
from syft.client.session import Session
from syft.client.usercode import UserCode
from syft.errors import InvalidInput, NotFound, SyftException
from syft.model.code import CodeSubmission
from syft.model.messages.codes import CodeReply, CodesReply, GetCode, ListCodes, SubmitCode
from syft.model.messages.requests import CreateRequest, RequestReply
from syft.model.uid import UID
from syft.policy.inputs import never_given


class Codes(Listing[UserCode]):
    """The functions at a node: `client.code`, by place, and by name as `client.code.<name>(...)`."""

    _title: ClassVar[str] = "UserCode List"
    _what: ClassVar[str] = "function"

    def __init__(self, session: Session, name: str = "") -> None:
        self._session = session
        self._name = name

    def submit(self, code: SyftFunction | UserCode) -> SyftSuccess:
        """Hand a function in without asking for anything yet.

        Raises:
            InvalidCode: it does not stand alone.
        """
        reply = self._session.ask(SubmitCode(_submission(code)), CodeReply)
        return SyftSuccess("User Code Submitted", value=UserCode(self._session, reply.code))

    def request_code_execution(self, code: SyftFunction | UserCode, reason: str = "") -> Request:
        """Ask the owner to let a function run on their data.

        Args:
            code: which; handed in on the way where it is new.
            reason: why.
        Raises:
            InvalidCode: it does not stand alone.
            AlreadyExists: the same was asked before and is still open.
        """
        reply = self._session.ask(CreateRequest(_submission(code), reason), RequestReply)
        request = Request(self._session, reply.request)
        for name in request.missing_nested:
            say(
                SyftWarning(
                    f"'{request.code.name}' launches '{name}', which this node does not have yet. "
                    f"Hand it in with `client.code.submit({name})`; until then the request cannot be approved."
                )
            )
        for name in never_given(request.code.submission):
            say(
                SyftWarning(
                    f"The input policy of '{request.code.name}' gives its parameter '{name}' nothing: approved or not, "
                    "it can only be launched by another function. To call it, say there what the parameter takes "
                    f"(`sy.ExactMatch({name}=asset)`), and ask anew."
                )
            )
        return request

    def get_by_id(self, uid: UID) -> UserCode:
        """The function with that UID."""
        return self._by_uid(uid)

    def get_by_service_func_name(self, name: str) -> ViewList[UserCode]:
        """All versions of the functions of that name."""
        found = Codes(self._session, name)
        return ViewList(self._title, [code for code in found if code.name == name])

    def search(self, name: str) -> ViewList[UserCode]:
        """The functions with that text in their name."""
        return Codes(self._session, name).get_all()

    def _page(self, limit: int, offset: int) -> tuple[Sequence[UserCode], int]:
        reply = self._session.ask(ListCodes(self._name, limit, offset), CodesReply)
        return [UserCode(self._session, view) for view in reply.codes], reply.total

    def _named(self, key: str) -> UserCode:
        return UserCode(self._session, self._session.ask(GetCode(name=key), CodeReply).code)

    def _by_uid(self, uid: UID) -> UserCode:
        return UserCode(self._session, self._session.ask(GetCode(uid=uid), CodeReply).code)

    def __getattr__(self, name: str) -> UserCode:
        # Names with underscores are asked for by Python and notebooks, not by people.
        if name.startswith("_"):
            raise AttributeError(name)
        try:
            return self._named(name)
        except NotFound as error:
            raise AttributeError(f"There is no function '{name}': {error.public_message}") from None

    def __dir__(self) -> list[str]:
        try:
            names = [code.name for code in self]
        except SyftException:  # completion at a prompt must not raise
            names = []
        return [*super().__dir__(), *names]


def _submission(code: Any) -> CodeSubmission:
    """The function as it is handed in.

    Raises:
        InvalidInput: a plain function, or something else.
    """
    if isinstance(code, SyftFunction | UserCode):
        return code.submission
    if callable(code):
        raise InvalidInput(
            f"'{getattr(code, '__name__', code)}' is a plain function. Put `@sy.syft_function(...)` above it first."
        )
    raise InvalidInput(
        f"A function is handed in, decorated with @sy.syft_function; this is {type(code).__name__}."
    )
