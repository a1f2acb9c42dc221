"""This module shows the members of a gateway, gives clients to them through it, and searches all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import ClassVar, Final, Generic, Protocol, TypeVar

from syft.client.datasets import DatasetView
from syft.client.lists import ViewList
from syft.client.pointer import Pointer
from syft.client.present import Card, Shown, SyftSuccess, Text, cell, rows_of, when
from syft.client.session import Session
from syft.errors import AuthenticationError, BadReply, InvalidInput, NotFound, SyftException
from syft.model.identity import KEY_BYTES
from syft.model.message import Done
from syft.model.messages.datasets import DatasetsReply, ListDatasets
from syft.model.messages.network import AcceptMember, ListMembers, MemberReply, MembersReply, MemberView
from syft.model.messages.nodes import RemovePeer
from syft.model.messages.objects import FindObjects, ObjectsReply
from syft.model.object import ObjectKind
from syft.model.peer import PeerState
from syft.model.uid import UID
from syft.transport.base import Route
from syft.transport.relay import RelayRoute

_MAX_NAME: Final = 100
# A search asks so many members at once, and reads so many datasets of each at most.
_AT_ONCE: Final = 8
_PAGES: Final = 5
_PAGE: Final = 200
# A gateway has 2,000 members and lists 100 that ask to join; one that lists more does not end.
_MOST: Final = 2_500


class Speaks(Protocol):
    """What a client is made of."""

    @property
    def session(self) -> Session:
        """The key, for whom it speaks, and the way to the node."""


C = TypeVar("C", bound=Speaks)


class Member(Shown):
    """A member, as its gateway shows it.

    Args:
        view: what the gateway said, signed.
    """

    def __init__(self, view: MemberView) -> None:
        self.view = view

    @property
    def name(self) -> str:
        """Unique in its network."""
        return self.view.info.name

    @property
    def id(self) -> UID:
        """Of the node."""
        return self.view.info.uid

    @property
    def verify_key(self) -> str:
        """64 hex digits: what the gateway says it is, which is all that is known of it until it is compared."""
        return self.view.info.verify_key

    @property
    def is_accepted(self) -> bool:
        """Whether the gateway's administrator has decided so."""
        return self.view.state is PeerState.ACCEPTED

    @property
    def reachable(self) -> bool | None:
        """Whether it answered when the gateway last asked it; None when it has not been asked yet."""
        return self.view.reachable

    @property
    def health(self) -> str:
        """The same, for people."""
        if not self.is_accepted:
            return "asks to join"
        return {True: "reachable", False: "does not answer", None: "not asked yet"}[self.reachable]

    def row(self) -> Mapping[str, object]:
        """Its line in a list."""
        return {
            "Name": cell(self.name, _MAX_NAME),
            "id": self.id.hex,
            "Health": self.health,
            "Last seen": when(self.view.seen_at),
            "Isolation": self.view.info.isolation,
            "Version": self.view.info.version,
            "Key": self.verify_key[:16] + "…",
        }

    def _card(self) -> Card:
        return Card(cell(self.name, _MAX_NAME), [fact for fact in self.row().items() if fact[1]])


class Members(Shown, Generic[C]):
    """The members of a gateway: `client.members`. By place, name or UID it gives a client to one, through it.

    A member's key is taken from the gateway's signed list when this is first asked of, and held to from then on.

    Args:
        session: at the gateway.
        client: makes a guest's client at the end of a route.
        keys: the members' keys by UID and by name, as they were first heard of; shared by all lists of one client.
    """

    _title: ClassVar[str] = "Members"

    def __init__(self, session: Session, client: Callable[[Route], C], keys: dict[UID | str, str]) -> None:
        self._session = session
        self._client = client
        self._keys = keys

    def get_all(self) -> ViewList[Member]:
        """All that have been accepted, as the gateway shows them now."""
        return ViewList(self._title, [one for one in self._every() if one.is_accepted])

    @property
    def pending(self) -> ViewList[Member]:
        """Those that ask to join; an administrator of the gateway sees them, and `accept`s or `remove`s."""
        return ViewList("Ask to join", [one for one in self._every() if not one.is_accepted])

    def _every(self, name: str = "") -> Iterator[Member]:
        offset = 0
        while True:
            reply = self._session.ask(ListMembers(name=name, limit=_PAGE, offset=offset), MembersReply)
            yield from map(Member, reply.members)
            offset += len(reply.members)
            if not reply.members or offset >= reply.total:
                return
            if offset > _MOST:
                raise BadReply(f"This gateway lists more members than a network has: over {_MOST:,}.")

    def find(self, key: int | str | UID) -> Member:
        """A member by its place, name or UID.

        Raises:
            NotFound: there is none.
        """
        if isinstance(key, int):
            every = self.get_all()
            if not -len(every) <= key < len(every):
                raise NotFound(f"There is no member at that place; there are {len(every)}.")
            return every[key]
        for one in self._every(key if isinstance(key, str) else ""):
            if key in (one.name, one.id):
                return one
        raise NotFound(f"This network has no member '{cell(key)}'. `client.members` lists those it has.")

    def client_for(self, key: int | str | UID, *, verify_key: str | None = None) -> C:
        """A guest's client to a member, through the gateway, which can read nothing of what is said.

        Args:
            key: its place, name or UID.
            verify_key: the key that the member must have, 64 hex digits, from a source you trust. Without it the
                gateway is believed the first time; it is also what tells you that the gateway lies.
        Raises:
            NotFound: there is no such member.
            AuthenticationError: its key is another than it was, or than it should be.
            BadReply: what the gateway lists is no key.
        """
        return self.client_of(self.find(key), verify_key=verify_key)

    def client_of(self, member: Member, *, verify_key: str | None = None) -> C:
        """`client_for`, of a member that has been looked up."""
        info = member.view.info
        if len(info.verify_key) != 2 * KEY_BYTES or not set(info.verify_key) <= set("0123456789abcdef"):
            raise BadReply(f"What the gateway lists as the key of '{cell(info.name, _MAX_NAME)}' is none.")
        # By its name, too: a gateway that exchanges a member exchanges its UID with its key.
        own = (info.uid, info.name.casefold())
        known = [self._keys[one] for one in own if one in self._keys]
        expected = {verify_key.strip().lower()} if verify_key is not None else set(known)
        if expected - {info.verify_key}:
            raise AuthenticationError(
                f"The gateway names another key for '{cell(info.name, _MAX_NAME)}' than "
                f"{'you gave' if verify_key is not None else 'it did before'}. Do not use it before its owner has told "
                "you the right one: `verify_key=`."
            )
        self._keys.update(dict.fromkeys(own, info.verify_key))
        return self._client(RelayRoute(self._session.route, self._session.info, info))

    def accept(self, key: str | UID) -> SyftSuccess:
        """Let one that asks be a member.

        Raises:
            AuthorizationException: you are not an administrator of the gateway.
            NodeUnreachable: the gateway does not reach it.
        """
        member = self._session.ask(AcceptMember(self.find(key).id), MemberReply).member
        return SyftSuccess(f"'{cell(member.info.name, _MAX_NAME)}' is a member.", value=Member(member))

    def remove(self, key: str | UID) -> SyftSuccess:
        """Have one as a member no longer, or turn down one that asks."""
        member = self.find(key)
        self._session.ask(RemovePeer(member.id), Done)
        return SyftSuccess(f"'{cell(member.name, _MAX_NAME)}' is no member any more.")

    def __getitem__(self, key: int | str | UID) -> C:
        return self.client_for(key)

    def __len__(self) -> int:
        return len(self.get_all())

    def __bool__(self) -> bool:
        return True  # `if client.members` must not ask the node

    def __iter__(self) -> Iterator[C]:
        for member in self.get_all():
            yield self.client_of(member)

    def _card(self) -> Card:
        try:
            every = list(self._every())
        except SyftException as error:  # showing must not raise
            return Card(self._title, [], [("", Text(error.public_message))])
        return Card(self._title, [("Total", len(every))], [("", rows_of([one.row() for one in every]))])


class Found(Shown):
    """What a search has found: a dataset, or an object that is no part of one.

    Args:
        member: at which.
        dataset: it, or None.
        object: it, or None.
        name: of either, for people.
        detail: likewise.
    """

    def __init__(
        self,
        member: Member,
        name: str,
        detail: str,
        *,
        dataset: DatasetView | None = None,
        object: Pointer | None = None,
    ) -> None:
        self.member = member
        self.name = name
        self.detail = detail
        self.dataset = dataset
        self.object = object

    def row(self) -> Mapping[str, object]:
        """Its line in a list."""
        return {
            "Member": cell(self.member.name, _MAX_NAME),
            "What": "dataset" if self.dataset is not None else "object",
            "Name": cell(self.name),
            "Detail": cell(self.detail),
        }

    def _card(self) -> Card:
        return Card(cell(self.name), list(self.row().items()))


class SearchResult(Sequence[Found], Shown):
    """What a search of a network has found, and who was silent.

    Args:
        text: what was looked for.
        found: by whom, in the order of the members.
        silent: by name, why a member did not answer.
    """

    def __init__(self, text: str, found: Sequence[Found], silent: Mapping[str, str]) -> None:
        self.text = text
        self.found = tuple(found)
        self.silent = dict(silent)

    def __getitem__(self, key: int) -> Found:  # type: ignore[override]  # no slices: there is nothing to show of one
        return self.found[key]

    def __len__(self) -> int:
        return len(self.found)

    def _card(self) -> Card:
        silent = [{"Did not answer": cell(name), "Why": cell(why, 200)} for name, why in self.silent.items()]
        parts = [("", rows_of([one.row() for one in self.found]))]
        if silent:
            parts.append(("", rows_of(silent)))
        return Card(f"Search for '{cell(self.text)}'", [("Total", len(self.found))], parts)


def search(members: Members[C], text: str) -> SearchResult:
    """Ask every member of a network for datasets and findable objects with that text somewhere in what is said of them.

    What each shows is what it shows to a guest. Members that do not answer are named.

    Args:
        members: of the network.
        text: to look for, in any case.
    Raises:
        InvalidInput: nothing to look for.
    """
    wanted = text.casefold().strip()
    if not wanted:
        raise InvalidInput("Say what to look for: `client.search('age')`.")
    every = members.get_all()

    def ask_one(member: Member) -> list[Found] | str:
        try:
            client = members.client_of(member)
            return [*_found_datasets(member, client, wanted), *_found_objects(member, client, wanted)]
        except SyftException as error:
            return error.public_message

    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="syft-search") as pool:
        answers = list(pool.map(ask_one, every))
    found = [one for answer in answers if not isinstance(answer, str) for one in answer]
    silent = {
        member.name: answer for member, answer in zip(every, answers, strict=True) if isinstance(answer, str)
    }
    return SearchResult(text, found, silent)


def _found_datasets(member: Member, client: Speaks, wanted: str) -> Iterator[Found]:
    offset = 0
    for _ in range(_PAGES):
        reply = client.session.ask(ListDatasets(limit=_PAGE, offset=offset), DatasetsReply)
        for record in reply.datasets:
            assets = [asset.name for asset in record.assets]
            if _has(wanted, record.name, record.summary, record.description, *assets):
                dataset = DatasetView(client.session, record)
                yield Found(member, record.name, ", ".join(assets), dataset=dataset)
        offset += len(reply.datasets)
        if not reply.datasets or offset >= reply.total:
            return


def _found_objects(member: Member, client: Speaks, wanted: str) -> Iterator[Found]:
    offset = 0
    for _ in range(_PAGES):
        reply = client.session.ask(FindObjects(limit=_PAGE, offset=offset), ObjectsReply)
        for view in reply.objects:
            # An asset is found with its dataset.
            if view.kind is not ObjectKind.ASSET and _has(wanted, view.name, view.description, *view.tags):
                name = view.name or view.description or ", ".join(view.tags)
                yield Found(member, name, view.type_name, object=Pointer(view.uid, client=client, view=view))
        offset += len(reply.objects)
        if not reply.objects or offset >= reply.total:
            return


def _has(wanted: str, *texts: str) -> bool:
    return any(wanted in one.casefold() for one in texts)
