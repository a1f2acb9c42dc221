"""This module holds the client: what a person holds of a node. Everything they call hangs on it."""

from __future__ import annotations

import contextlib
import getpass
from typing import Any, Final, TypeVar

from syft.client.assets import Dataset
from syft.client.code import Codes
from syft.client.constructors import NumpyNames, PythonNames
from syft.client.datasets import Datasets
from syft.client.drops import Drops
from syft.client.events import Events
from syft.client.images import WorkerImages
from syft.client.jobs import Jobs
from syft.client.kept import Objects
from syft.client.neighbours import join_network
from syft.client.network import Members, SearchResult, search
from syft.client.pools import WorkerPools
from syft.client.present import Card, Shown, SyftSuccess, Text, cell, say
from syft.client.requests import Requests
from syft.client.results import HeldResults
from syft.client.session import Session
from syft.client.settings import ServerSettings
from syft.client.upload import upload_dataset
from syft.client.users import Users, UserView, check_same
from syft.client.workers import WorkerList
from syft.errors import AuthenticationError, SyftException
from syft.model.identity import Identity
from syft.model.message import Done, Message
from syft.model.messages.session import GetNodeInfo, LoggedIn, LogIn, LogOut, NodeInfoReply
from syft.model.messages.users import GetAccount, Register, UserReply
from syft.model.peer import PeerState
from syft.model.permission import Role
from syft.model.settings import NodeInfo
from syft.model.uid import UID
from syft.transport.base import Route

M = TypeVar("M", bound=Message)

# As long as a node's own name may be (`server/open_node`).
_MAX_NAME: Final = 100
_CHANGE_IT: Final = (
    "You are using a default password. Please change the password using "
    "`[your_client].account.set_password([new_password])`."
)
# What `client.api.services.<name>` of PySyft 0.9 is here.
_SERVICES: Final = {
    "dataset": "datasets",
    "user": "users",
    "code": "code",
    "codes": "code",
    "user_code": "code",
    "request": "requests",
    "job": "jobs",
    "setting": "settings",
    "object": "objects",
    "action": "objects",
    "event": "events",
    "log": "events",
    "worker_pool": "worker_pools",
    "worker": "workers",
    "worker_image": "worker_images",
}
_NAMESPACES: Final = (
    "datasets",
    "objects",
    "code",
    "requests",
    "jobs",
    "held_results",
    "worker_pools",
    "workers",
    "worker_images",
    "users",
    "settings",
    "events",
    "account",
)
# What the welcome card offers, by the least role that has a use for it.
_COMMANDS: Final = (
    (Role.GUEST, "<your_client>.members", "list the members of this network"),
    (Role.GUEST, "<your_client>.datasets", "list datasets"),
    (
        Role.GUEST,
        "<your_client>.register(name=, email=, password=)",
        "make an account, where the node allows it",
    ),
    (Role.DATA_SCIENTIST, "<your_client>.code", "list your functions"),
    (Role.DATA_SCIENTIST, "<your_client>.requests", "list requests"),
    (Role.DATA_SCIENTIST, "<your_client>.jobs", "list runs"),
    (Role.DATA_SCIENTIST, "<your_client>.worker_pools", "see what a run may use"),
    (Role.DATA_OWNER, "<your_client>.upload_dataset(dataset)", "put a dataset up"),
    (Role.DATA_OWNER, "<your_client>.held_results", "list results that wait for you to look at them"),
    (Role.DATA_OWNER, "<your_client>.users", "list users"),
    (Role.ADMIN, "<your_client>.settings", "see and change settings"),
    (Role.ADMIN, "<your_client>.events", "see what happened here"),
)


# Of these commands a gateway has the first, and a datasite the others.
_AT_ONE_KIND: Final = (
    "<your_client>.members",
    "<your_client>.datasets",
    "<your_client>.code",
    "<your_client>.requests",
    "<your_client>.jobs",
    "<your_client>.held_results",
    "<your_client>.upload_dataset(dataset)",
)


class Client(Shown):
    """What a person holds of a node.

    Args:
        session: the key, for whom it speaks, and the way there.
    """

    def __init__(self, session: Session) -> None:
        self.session = session
        # Keys of members of this gateway, as they were first heard of.
        self._member_keys: dict[UID | str, str] = {}

    @classmethod
    def guest(cls, route: Route, info: NodeInfo | None = None) -> Client:
        """A client for nobody in particular, with a key of its own.

        Args:
            route: the way to the node.
            info: what the node said of itself before; asked for when left out.
        """
        return cls(Session(route, Identity.generate(), info or route.describe()))

    # --- getting in and out

    def login(self, email: str, password: str) -> Client:
        """A client for an account, with a fresh key: this one stays what it is.

        Args:
            email: the account's login.
            password: travels sealed to the node's key.
        Raises:
            AuthenticationError: they do not belong together.
        """
        session = Session(self.session.route, Identity.generate(), self.session.info)
        reply = session.ask(LogIn(email, session.seal_password(password)), LoggedIn)
        client = Client(
            Session(
                session.route,
                session.identity,
                session.info,
                account=reply.account,
                expires_in_s=reply.expires_in_s,
            )
        )
        # The two lines differ in a hyphen, as people know them.
        node = f"{self._shown_name}: {cell(self.metadata.side_type).capitalize()} side"
        say(
            f"Logged into <{node} {cell(self.metadata.kind).capitalize()}> as <{cell(reply.account.email, 300)}>"
        )
        if reply.default_password:
            say(_CHANGE_IT)
        return client

    def login_as_guest(self) -> Client:
        """A client for nobody in particular, with a fresh key."""
        info = self.session.info
        node = f"{self._shown_name}: {cell(info.side_type).capitalize()}-side"
        say(f"Logged into <{node} {cell(info.kind).capitalize()}> as GUEST")
        return Client.guest(self.session.route, info)

    def register(
        self,
        name: str,
        email: str,
        password: str | None = None,
        password_verify: str | None = None,
        institution: str | None = None,
        website: str | None = None,
    ) -> SyftSuccess:
        """Make an account; it becomes a data scientist's.

        Args:
            name: shown to others.
            email: its login.
            password: travels sealed to the node's key; asked for, twice, when left out.
            password_verify: the same again, where it was typed.
            institution: free text.
            website: free text.
        Raises:
            InvalidInput: the passwords differ, or a field is not as it should be.
            AuthorizationException: the node does not let guests register.
            AlreadyExists: the e-mail has an account.
        """
        if password is None:
            password, password_verify = getpass.getpass("Password: "), getpass.getpass("The same again: ")
        check_same(password, password_verify)
        message = Register(
            email=email,
            name=name,
            sealed=self.session.seal_password(password),
            institution=institution or "",
            website=website or "",
        )
        user = self.ask(message, UserReply).user
        text = f"User '{user.name}' successfully registered!"
        if self.user_role >= Role.DATA_OWNER:
            text += " To see users, run `[your_client].users`"
        return SyftSuccess(text, value=UserView(self.session, user))

    def logout(self) -> SyftSuccess:
        """Have the node forget this client's key. May be called twice."""
        if self.session.account is not None:
            with contextlib.suppress(AuthenticationError):  # it has expired: the node forgot it already
                self.ask(LogOut(), Done)
        self.session.end()
        return SyftSuccess(f"Logged out of '{self._shown_name}'.")

    def refresh(self) -> None:
        """Read anew what the node says of itself and of your account."""
        self.session.info = self._same_node(self.ask(GetNodeInfo(), NodeInfoReply).info)
        if self.session.account is not None:
            self.session.account = self.ask(GetAccount(), UserReply).user

    def _same_node(self, info: NodeInfo) -> NodeInfo:
        """What the node says, but for its key and UID: to those the client holds it from the first word on."""
        if (info.uid, info.verify_key) != (self.id, self.session.info.verify_key):
            raise AuthenticationError(f"'{self._shown_name}' is another node now. Connect to it anew.")
        return info

    # --- who and where

    @property
    def name(self) -> str:
        """Of the node."""
        return self.session.info.name

    @property
    def id(self) -> UID:
        """Of the node."""
        return self.session.info.uid

    @property
    def metadata(self) -> NodeInfo:
        """What the node says of itself."""
        return self.session.info

    @property
    def route(self) -> Route:
        """The way there."""
        return self.session.route

    @property
    def identity(self) -> Identity:
        """The key that signs for this client."""
        return self.session.identity

    @property
    def verify_key(self) -> str:
        """The public half of this client's key, 64 hex digits."""
        return self.session.identity.verify_key.hex()

    @property
    def user_role(self) -> Role:
        """What you are at this node."""
        return self.session.role

    @property
    def authed(self) -> bool:
        """Whether this client speaks for an account."""
        return self.session.account is not None

    @property
    def logged_in_user(self) -> str:
        """Your e-mail; empty for guests."""
        return self.session.account.email if self.session.account else ""

    @property
    def logged_in_username(self) -> str:
        """Your name; empty for guests."""
        return self.session.account.name if self.session.account else ""

    # --- what can be called

    def ask(self, message: Message, kind: type[M], attachment: bytes | memoryview = b"") -> M:
        """Say something to the node and return its answer.

        Args:
            message: what to say.
            kind: what is due in answer.
            attachment: bytes to go with it.
        Raises:
            SyftException: the node refused, by the error it named.
            NodeUnreachable: no answer.
        """
        return self.session.ask(message, kind, attachment)

    @property
    def account(self) -> UserView:
        """Your account.

        Raises:
            AuthenticationError: guests have none.
        """
        if self.session.account is None:
            raise AuthenticationError(
                "Guests have no account. Log in with `client.login(email=, password=)`."
            )
        return UserView(self.session, self.session.account)

    me = account

    @property
    def datasets(self) -> Datasets:
        """The datasets here."""
        return Datasets(self.session)

    @property
    def objects(self) -> Objects:
        """The objects here: `send` one, `search` by tags, `[...]` by place, tag or UID."""
        return Objects(self)

    @property
    def numpy(self) -> NumpyNames:
        """Arrays that are made there: `client.numpy.zeros(3)`."""
        return NumpyNames(self)

    @property
    def python(self) -> PythonNames:
        """Python's own values, taken there: `client.python.Int(5)`."""
        return PythonNames(self)

    @property
    def gc(self) -> Drops:
        """What was made in passing and nobody here points to any more: told to the node in batches."""
        return self.session.drops

    @property
    def users(self) -> Users:
        """The accounts here."""
        return Users(self.session)

    @property
    def settings(self) -> ServerSettings:
        """The settings of the node."""
        return ServerSettings(self.session)

    @property
    def code(self) -> Codes:
        """The functions here; `client.code.<name>(...)` calls one."""
        return Codes(self.session)

    @property
    def requests(self) -> Requests:
        """The requests here."""
        return Requests(self.session)

    @property
    def held_results(self) -> HeldResults:
        """The results here that wait for somebody to look at them."""
        return HeldResults(self.session, self.requests.get_by_uid)

    @property
    def jobs(self) -> Jobs:
        """The runs here."""
        return Jobs(self.session)

    @property
    def worker_pools(self) -> WorkerPools:
        """The places where runs take place, and what they may use there."""
        return WorkerPools(self.session)

    @property
    def workers(self) -> WorkerList:
        """The workers on other machines, and those that ask to be; administrators only."""
        return WorkerList(self.session)

    @property
    def worker_images(self) -> WorkerImages:
        """The environments that worker pools can have: locked sets of packages."""
        return WorkerImages(self.session)

    @property
    def images(self) -> WorkerImages:
        """The same: `client.images` and `client.worker_images` are one thing."""
        return self.worker_images

    @property
    def events(self) -> Events:
        """What happened here."""
        return Events(self.session)

    # --- networks

    @property
    def members(self) -> Members[Client]:
        """The members of this gateway; by place, name or UID a client to one, through it."""
        return Members(self.session, lambda route: Client.guest(route), self._member_keys)

    domains = members
    datasites = members

    def proxy_client_for(self, name: str | UID, *, verify_key: str | None = None) -> Client:
        """A guest's client to a member of this gateway, through it; `.login(...)` on it works as on any.

        Args:
            name: of the member, or its UID.
            verify_key: the key it must have, 64 hex digits; without it the gateway is believed the first time.
        Raises:
            NotFound: there is no such member.
            AuthenticationError: its key is another than it was, or than it should be.
        """
        return self.members.client_for(name, verify_key=verify_key)

    def connect_to_gateway(self, gateway: Client, *, reachable_at: str | None = None) -> SyftSuccess:
        """Ask a gateway to have this datasite as a member; an administrator's client of the gateway decides at once.

        Args:
            gateway: a client of it.
            reachable_at: where the gateway reaches this datasite, when that is another address than yours.
        Raises:
            AuthorizationException: you are not an administrator of this datasite.
            NodeUnreachable: the gateway cannot reach it.
            AlreadyExists: the network has a member of that name.
        """
        reply = join_network(self.session, gateway.session, url=reachable_at)
        member, there = cell(reply.member.info.name, _MAX_NAME), cell(reply.gateway.name, _MAX_NAME)
        if reply.member.state is PeerState.PENDING:
            return SyftSuccess(f"'{member}' has asked to join '{there}'. Its administrator decides.")
        return SyftSuccess(f"'{member}' is a member of '{there}'.")

    def search(self, text: str) -> SearchResult:
        """Datasets and findable objects with that text, at every member of this gateway."""
        return search(self.members, text)

    def post(self, message: Message, *, by: Client | None = None) -> UID:
        """Leave a message for this node that it handles when it can be reached, once.

        Args:
            message: of a kind that may wait.
            by: a client of the node to leave it with, such as your own datasite's; this node's when left out, or the
                gateway's that is in between. That node has it on its disk when this returns.
        Returns:
            The message's UID, under which this node's log says what came of it.
        """
        return self.session.post(message, by=by.session if by else None)

    @property
    def api(self) -> Api:
        """The same namespaces, as `client.api.services.<name>`."""
        return Api(self)

    def upload_dataset(self, dataset: Dataset) -> SyftSuccess:
        """Put a dataset up, all of it or nothing.

        Raises:
            InvalidInput: an asset is not complete.
            AuthorizationException: you may not.
            AlreadyExists: the node has a dataset of that name.
        """
        return upload_dataset(self.session, dataset)

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(_no_such_name(type(self).__name__, name))

    # --- shown

    def __repr__(self) -> str:
        kind = "GatewayClient" if self.metadata.kind == "gateway" else "DatasiteClient"
        return f"<{kind}: {self._shown_name}>"

    @property
    def _shown_name(self) -> str:
        """The node's name where nothing cleans it later: on one line, and nothing but text."""
        return cell(self.name, _MAX_NAME)

    def _card(self) -> Card:
        if not self.metadata.isolation:  # a node that has just started does not know it yet
            with contextlib.suppress(SyftException):  # showing must not raise
                self.session.info = self._same_node(self.ask(GetNodeInfo(), NodeInfoReply).info)
        info = self.metadata
        facts: list[tuple[str, object]] = [
            ("URL", self.route.url),
            ("Server Description", info.description),
            ("Organization", info.organization),
            ("Server Type", info.kind.capitalize()),
            ("Server Side Type", f"{info.side_type.capitalize()} Side"),
            ("Syft Version", info.version),
            ("Isolation of submitted code", info.isolation or "not known yet"),
            ("Logged in as", f"{self.logged_in_user or 'GUEST'} ({self.user_role.label})"),
        ]
        commands = [f"{call} - {what}" for least, call, what in _COMMANDS if self._has_use_for(least, call)]
        return Card(
            f"Welcome to {self._shown_name}",
            [fact for fact in facts if fact[1]],
            [("Commands to Get Started", Text("\n".join(commands)))],
        )

    def _has_use_for(self, least: Role, call: str) -> bool:
        if ".register" in call:
            return self.user_role is Role.GUEST and self.metadata.signup_enabled
        if (".members" in call) != (self.metadata.kind == "gateway") and call in _AT_ONE_KIND:
            return False
        return self.user_role >= least


DatasiteClient = Client


class Api(Shown):
    """Namespaces by the names PySyft 0.9 gave them.

    Args:
        client: whose they are.
    """

    def __init__(self, client: Client) -> None:
        self._client = client

    @property
    def services(self) -> Api:
        """The namespaces."""
        return self

    def __getattr__(self, name: str) -> Any:
        target = _SERVICES.get(name, name)
        if target not in _NAMESPACES:
            raise AttributeError(_no_such_name("client.api.services", name))
        return getattr(self._client, target)

    def _card(self) -> Card:
        return Card(
            "client.api.services", [], [("", Text("\n".join(f"client.{name}" for name in _NAMESPACES)))]
        )


def _no_such_name(owner: str, name: str) -> str:
    return (
        f"{owner!r} has no submodule or method '{name}'. It has: {', '.join(_NAMESPACES)}. "
        "Which of them you may use depends on your role; `client.refresh()` reads it anew."
    )
