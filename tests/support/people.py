"""A person who speaks to a node in plain messages: below the client, so that a test can say anything at all."""

from __future__ import annotations

from typing import Any, TypeVar

from syft.model.address import Address
from syft.model.code import CodeSubmission, InputPolicy, MustBe, OutputPolicy, Parameter
from syft.model.identity import Identity, seal_for
from syft.model.job import ObjectArgument
from syft.model.message import Message
from syft.model.messages import codes, datasets, jobs, objects, requests, session, users
from syft.model.object import Face
from syft.model.settings import NodeInfo
from syft.transport.ask import ask, expect
from syft.transport.base import Route
from syft.wire.codec import decode, encode
from syft.wire.records import encode_record

M = TypeVar("M", bound=Message)
ROOT = ("info@openmined.org", "changethis")


class Person:
    """Somebody with a key, perhaps logged in."""

    def __init__(self, route: Route) -> None:
        self.route = route
        self.node: NodeInfo = route.describe()
        self.identity = Identity.generate()

    @property
    def address(self) -> Address:
        return Address(domain=self.node.uid)

    def say(self, message: Message, kind: type[M], attachment: bytes = b"") -> M:
        return expect(ask(self.route, self.identity, self.node, message, attachment), kind)

    def sealed(self, password: str) -> bytes:
        credentials = session.Credentials(password, self.identity.verify_key)
        return seal_for(bytes.fromhex(self.node.verify_key), encode_record(credentials))

    def log_in(self, email: str, password: str) -> Person:
        self.say(session.LogIn(email, self.sealed(password)), session.LoggedIn)
        return self

    def register(self, email: str, password: str = "123", name: str = "Sheldon") -> Person:
        self.say(users.Register(email, name, self.sealed(password)), users.UserReply)
        return self.log_in(email, password)

    def upload(self, name: str, private: Any, mock: Any) -> datasets.DatasetReply:
        asset = datasets.NewAsset(name=f"{name}_asset", private=new_value(private), mock=new_value(mock))
        return self.say(datasets.CreateDataset(name, (asset,)), datasets.DatasetReply)

    def request(self, submission: CodeSubmission, reason: str = "") -> requests.RequestView:
        return self.say(requests.CreateRequest(submission, reason), requests.RequestReply).request

    def submit(self, submission: CodeSubmission) -> codes.CodeView:
        return self.say(codes.SubmitCode(submission), codes.CodeReply).code

    def approve(self, request: requests.RequestView) -> requests.RequestView:
        message = requests.ApproveRequest(
            request.uid, request.code.digest, tuple(one.digest for one in request.nested)
        )
        return self.say(message, requests.RequestReply).request

    def call(self, name: str, wait_s: float = 20, **arguments: Any) -> jobs.JobView:
        return self.say(jobs.CallCode(arguments, None, name, wait_s), jobs.JobReply).job

    def read(self, uid: Any, face: Face = Face.PRIVATE) -> Any:
        answer = ask(self.route, self.identity, self.node, objects.ReadValue(uid, face))
        return decode(bytes(answer.attachment))


def new_value(value: Any) -> datasets.NewValue:
    encoded = encode(value)
    return datasets.NewValue(type_name=encoded.type_name, shape=encoded.shape, inline=encoded.to_bytes())


def function(source: str, name: str, inputs: dict[str, Any] | None = None, **options: Any) -> CodeSubmission:
    """A submission of one parameter a name in `inputs`, each bound to exactly that object."""
    given = inputs or {}
    rules = {parameter: MustBe(uid) for parameter, uid in given.items()}
    return CodeSubmission(
        name=name,
        source=source,
        parameters=options.pop("parameters", tuple(Parameter(name=parameter) for parameter in given)),
        input_policy=InputPolicy(kind="exact" if rules else "empty", rules=rules),
        output_policy=OutputPolicy(limit=options.pop("limit", 1)),
        **options,
    )


def on(uid: Any) -> ObjectArgument:
    """That object, as an argument."""
    return ObjectArgument(uid)
