"""Who may say what, about whose things: the whole table (THREATS 2.6).

A row is a kind of message and whose object it is about; a column is the role of who sends it. A cell is what
comes of it: `ok`, or the code of the error. `authorization` is a role that may not send such messages at all,
`not_found` one that may, but not about this. A kind of message without its rows fails the tests.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest
from blake3 import blake3
from msgspec import inspect

from support.held import have_reviewed
from support.neighbours import a_node, introduction
from support.people import Person, new_value, on
from support.protocols import site_of, step, submissions
from support.sites import (
    PASSWORD,
    Cast,
    account_of,
    asset_of,
    cast_on,
    fresh,
    member,
    opened,
    refused,
    upload,
)
from syft.model.code import Part
from syft.model.identity import Identity
from syft.model.image import ImageConfig
from syft.model.job import JobState
from syft.model.limits import JobLimits
from syft.model.message import Message
from syft.model.messages import (
    codes,
    datasets,
    events,
    evidence,
    images,
    jobs,
    network,
    nodes,
    objects,
    plans,
    policies,
    pools,
    protocols,
    requests,
    results,
    session,
    settings,
    users,
    work,
    workers,
)
from syft.model.object import Face, ObjectRecord
from syft.model.permission import Role
from syft.model.plan import Plan, place
from syft.model.pool import DEFAULT_POOL, PoolSpec
from syft.model.protocol import FromStep
from syft.model.request import HandlerAction
from syft.model.step import Of, Step
from syft.model.uid import UID
from syft.node.dispatch import table
from syft.transport.ask import letter

ROLES: Final = ("guest", "scientist", "owner", "admin")

# Whose an object is.
NONE = "-"  # there is no object
OWN = "own"  # whoever asks made it, or it was made for them
DATA = "on my data"  # a scientist's, about data of whoever asks; for whoever has no data, about the owner's
OTHER = "another's"  # another scientist's, about the other owner's data
FOUND = "another's to find"  # another's, which everybody finds
MINE = "for my object"  # another's request, to read an object of whoever asks
MADE = "that I made"  # an account of another's, which whoever asks made for them
THEIRS = "for another's object"  # likewise, of somebody else's

# What a refusal may leave in the log; how often, test_audit says.
OF_REFUSALS: Final = frozenset({"act.refused", "session.login_failed", "refusals.counted"})

NO, ABSENT, ENDED, OVER = "authorization", "not_found", "invalid_state", "invalid_state"
TAKEN = "already_exists"


class Row(NamedTuple):
    """What comes of one kind of message about one kind of object."""

    kind: type[Message]
    whose: str
    guest: str
    scientist: str
    owner: str
    admin: str


# fmt: off
ROWS: Final = (
    #   message                   about      guest     scientist  owner      admin
    Row(session.GetNodeInfo,      NONE,      "ok",     "ok",      "ok",      "ok"),
    Row(nodes.ShowNode,           NONE,      NO,       NO,        NO,        "ok"),
    Row(nodes.Introduce,          NONE,      NO,       NO,        NO,        "ok"),
    Row(nodes.RegisterChild,      NONE,      NO,       NO,        NO,        "ok"),
    Row(nodes.TakeAncestry,       NONE,      NO,       NO,        NO,        "ok"),      # and its parent's key
    Row(nodes.KnowGateway,        NONE,      NO,       NO,        NO,        "ok"),
    Row(nodes.RemovePeer,         OWN,       NO,       NO,        NO,        "ok"),      # one that is known
    Row(nodes.RemovePeer,         OTHER,     NO,       NO,        NO,        ABSENT),
    Row(nodes.Deliver,            NONE,      NO,       "ok",      "ok",      "ok"),
    Row(network.JoinNetwork,      NONE,      "invalid_state", "invalid_state", "invalid_state", "invalid_state"),
    Row(network.AcceptMember,     OWN,       NO,       NO,        NO,        "invalid_state"),  # a datasite is
    Row(network.AcceptMember,     OTHER,     NO,       NO,        NO,        "invalid_state"),  # no gateway
    Row(network.ListMembers,      NONE,      "invalid_state", "invalid_state", "invalid_state", "invalid_state"),
    Row(session.LogIn,            OWN,       "ok",     "ok",      "ok",      "ok"),
    Row(session.LogIn,            OTHER,     "authentication", "authentication", "authentication", "authentication"),
    Row(session.LogOut,           NONE,      NO,       "ok",      "ok",      "ok"),

    Row(users.Register,           NONE,      "ok",     "ok",      "ok",      "ok"),
    Row(users.CreateUser,         NONE,      NO,       NO,        "ok",      "ok"),
    Row(users.GetAccount,         NONE,      NO,       "ok",      "ok",      "ok"),
    Row(users.ListUsers,          OWN,       NO,       NO,        "ok",      "ok"),
    Row(users.ListUsers,          OTHER,     NO,       NO,        "ok",      "ok"),
    Row(users.UpdateUser,         OWN,       NO,       "ok",      "ok",      "ok"),
    Row(users.UpdateUser,         MADE,      NO,       ABSENT,    "ok",      "ok"),
    Row(users.UpdateUser,         OTHER,     NO,       ABSENT,    NO,        "ok"),      # but see test_accounts
    Row(users.DeleteUser,         OWN,       NO,       NO,        "ok",      "ok"),
    Row(users.DeleteUser,         MADE,      NO,       NO,        "ok",      "ok"),
    Row(users.DeleteUser,         OTHER,     NO,       NO,        NO,        "ok"),

    Row(settings.GetSettings,     NONE,      NO,       NO,        "ok",      "ok"),
    Row(settings.UpdateSettings,  NONE,      NO,       NO,        NO,        "ok"),
    Row(pools.ListPools,          NONE,      NO,       "ok",      "ok",      "ok"),
    Row(pools.GetPool,            NONE,      NO,       "ok",      "ok",      "ok"),
    Row(pools.SetPoolLimits,      NONE,      NO,       NO,        NO,        "ok"),
    Row(images.ListImages,        NONE,      NO,       "ok",      "ok",      "ok"),
    Row(images.GetImage,          OWN,       NO,       "ok",      "ok",      "ok"),
    Row(images.GetImage,          OTHER,     NO,       "ok",      "ok",      "ok"),
    Row(images.GetImageLog,       OWN,       NO,       NO,        "ok",      "ok"),
    Row(images.GetImageLog,       OTHER,     NO,       NO,        "ok",      "ok"),
    Row(images.SubmitImage,       NONE,      NO,       NO,        "ok",      "ok"),
    Row(images.BuildImage,        OWN,       NO,       NO,        NO,        "ok"),
    Row(images.BuildImage,        OTHER,     NO,       NO,        NO,        "ok"),
    Row(images.RemoveImage,       OWN,       NO,       NO,        NO,        "ok"),
    Row(images.RemoveImage,       OTHER,     NO,       NO,        NO,        "ok"),
    Row(pools.LaunchPool,         NONE,      NO,       NO,        NO,        "ok"),
    Row(pools.ScalePool,          NONE,      NO,       NO,        NO,        "ok"),
    Row(pools.RemovePool,         NONE,      NO,       NO,        NO,        "ok"),
    Row(requests.RequestPool,     NONE,      NO,       "ok",      "ok",      "ok"),
    Row(workers.ListWorkers,      NONE,      NO,       NO,        NO,        "ok"),
    Row(workers.AdmitWorker,      OWN,       NO,       NO,        NO,        "ok"),      # one that waits
    Row(workers.AdmitWorker,      OTHER,     NO,       NO,        NO,        ABSENT),
    Row(workers.RevokeWorker,     OWN,       NO,       NO,        NO,        "ok"),      # one that was admitted
    Row(workers.RevokeWorker,     OTHER,     NO,       NO,        NO,        ABSENT),
    Row(workers.MakeJoinToken,    NONE,      NO,       NO,        NO,        "ok"),
    # A key of its own may ask to join; what follows is for keys that were admitted (test_remote_workers).
    Row(work.JoinPool,            NONE,      "ok",     "invalid_input", "invalid_input", "invalid_input"),
    Row(work.LeavePool,           OWN,       NO,       NO,        NO,        NO),
    Row(work.LeavePool,           OTHER,     NO,       NO,        NO,        NO),
    Row(work.TakeWork,            OWN,       NO,       NO,        NO,        NO),
    Row(work.TakeWork,            OTHER,     NO,       NO,        NO,        NO),
    Row(work.Attend,              OWN,       NO,       NO,        NO,        NO),
    Row(work.Attend,              OTHER,     NO,       NO,        NO,        NO),
    Row(work.FetchInput,          OWN,       NO,       NO,        NO,        NO),
    Row(work.FetchInput,          OTHER,     NO,       NO,        NO,        NO),
    Row(work.PutResult,           OWN,       NO,       NO,        NO,        NO),
    Row(work.PutResult,           OTHER,     NO,       NO,        NO,        NO),
    Row(work.TellOrder,           OWN,       NO,       NO,        NO,        NO),
    Row(work.TellOrder,           OTHER,     NO,       NO,        NO,        NO),
    Row(work.FinishOrder,         OWN,       NO,       NO,        NO,        NO),
    Row(work.FinishOrder,         OTHER,     NO,       NO,        NO,        NO),
    Row(work.PutLaunch,           OWN,       NO,       NO,        NO,        NO),
    Row(work.PutLaunch,           OTHER,     NO,       NO,        NO,        NO),
    Row(work.Launch,              OWN,       NO,       NO,        NO,        NO),
    Row(work.Launch,              OTHER,     NO,       NO,        NO,        NO),
    Row(work.Collect,             OWN,       NO,       NO,        NO,        NO),
    Row(work.Collect,             OTHER,     NO,       NO,        NO,        NO),
    Row(events.ListEvents,        NONE,      NO,       NO,        NO,        "ok"),
    Row(events.GetCheckpoint,     NONE,      NO,       "ok",      "ok",      "ok"),      # a count and a hash: audit.md

    Row(datasets.CreateDataset,   OWN,       NO,       NO,        "ok",      "ok"),
    Row(datasets.CreateDataset,   OTHER,     NO,       NO,        ABSENT,    ABSENT),    # from another's upload
    Row(datasets.ListDatasets,    NONE,      "ok",     "ok",      "ok",      "ok"),
    Row(datasets.GetDataset,      OWN,       "ok",     "ok",      "ok",      "ok"),
    Row(datasets.GetDataset,      OTHER,     "ok",     "ok",      "ok",      "ok"),
    Row(datasets.DeleteDataset,   OWN,       NO,       NO,        "ok",      "ok"),
    Row(datasets.DeleteDataset,   OTHER,     NO,       NO,        ABSENT,    "ok"),

    Row(objects.BeginUpload,      NONE,      NO,       "ok",      "ok",      "ok"),
    Row(objects.PutPart,          OWN,       NO,       "ok",      "ok",      "ok"),
    Row(objects.PutPart,          OTHER,     NO,       ABSENT,    ABSENT,    ABSENT),
    Row(objects.FinishUpload,     OWN,       NO,       "ok",      "ok",      "ok"),
    Row(objects.FinishUpload,     OTHER,     NO,       ABSENT,    ABSENT,    ABSENT),
    Row(objects.ReadValue,        OWN,       ABSENT,   "ok",      "ok",      "ok"),      # a result made for them
    Row(objects.ReadValue,        DATA,      ABSENT,   ABSENT,    "ok",      "ok"),      # the private value
    Row(objects.ReadValue,        OTHER,     ABSENT,   ABSENT,    ABSENT,    "ok"),      # another's result

    Row(objects.PutObject,        OWN,       NO,       "ok",      "ok",      "ok"),      # under a UID of one's own
    Row(objects.PutObject,        OTHER,     NO,       TAKEN,     TAKEN,     TAKEN),     # under another's
    Row(objects.ReplaceObject,    OWN,       NO,       "ok",      "ok",      "ok"),
    Row(objects.ReplaceObject,    FOUND,     NO,       ABSENT,    ABSENT,    "ok"),
    Row(objects.ReplaceObject,    OTHER,     NO,       ABSENT,    ABSENT,    "ok"),
    Row(objects.DescribeObject,   OWN,       NO,       "ok",      "ok",      "ok"),
    Row(objects.DescribeObject,   FOUND,     NO,       ABSENT,    ABSENT,    "ok"),
    Row(objects.DescribeObject,   OTHER,     NO,       ABSENT,    ABSENT,    "ok"),
    Row(objects.DeleteObject,     OWN,       NO,       "ok",      "ok",      "ok"),
    Row(objects.DeleteObject,     FOUND,     NO,       ABSENT,    ABSENT,    "ok"),
    Row(objects.DeleteObject,     OTHER,     NO,       ABSENT,    ABSENT,    "ok"),
    Row(objects.GetObject,        OWN,       ABSENT,   "ok",      "ok",      "ok"),
    Row(objects.GetObject,        FOUND,     "ok",     "ok",      "ok",      "ok"),
    Row(objects.GetObject,        OTHER,     ABSENT,   ABSENT,    ABSENT,    "ok"),
    Row(objects.FindObjects,      NONE,      "ok",     "ok",      "ok",      "ok"),
    Row(objects.Operate,          OWN,       NO,       "ok",      "ok",      "ok"),
    Row(objects.Operate,          FOUND,     NO,       "ok",      "ok",      "ok"),      # the result is hidden
    Row(objects.Operate,          OTHER,     NO,       ABSENT,    ABSENT,    "ok"),
    Row(plans.RunPlan,            OWN,       NO,       "ok",      "ok",      "ok"),
    Row(plans.RunPlan,            FOUND,     NO,       NO,        NO,        "ok"),      # not told: see test_plans
    Row(plans.RunPlan,            OTHER,     NO,       ABSENT,    ABSENT,    "ok"),
    Row(objects.SetSafeguards,    OWN,       NO,       "ok",      "ok",      "ok"),
    Row(objects.SetSafeguards,    FOUND,     NO,       ABSENT,    ABSENT,    "ok"),
    Row(objects.SetSafeguards,    OTHER,     NO,       ABSENT,    ABSENT,    "ok"),
    Row(objects.GrantObject,      OWN,       NO,       "ok",      "ok",      "ok"),
    Row(objects.GrantObject,      FOUND,     NO,       ABSENT,    ABSENT,    "ok"),
    Row(objects.GrantObject,      OTHER,     NO,       ABSENT,    ABSENT,    "ok"),
    Row(objects.RenewLeases,      OWN,       NO,       "ok",      "ok",      "ok"),
    Row(objects.RenewLeases,      OTHER,     NO,       "ok",      "ok",      "ok"),      # which does nothing
    Row(objects.DropLeases,       OWN,       NO,       "ok",      "ok",      "ok"),
    Row(objects.DropLeases,       OTHER,     NO,       "ok",      "ok",      "ok"),      # which does nothing

    Row(codes.SubmitCode,         OWN,       NO,       "ok",      "ok",      "ok"),      # to run on what is one's own
    Row(codes.SubmitCode,         FOUND,     NO,       "ok",      "ok",      "ok"),
    Row(codes.SubmitCode,         OTHER,     NO,       ABSENT,    ABSENT,    ABSENT),    # hidden: nobody's but
    Row(codes.GetCode,            OWN,       NO,       "ok",      "ok",      "ok"),
    Row(codes.GetCode,            DATA,      NO,       ABSENT,    "ok",      "ok"),
    Row(codes.GetCode,            OTHER,     NO,       ABSENT,    ABSENT,    "ok"),
    Row(codes.ListCodes,          NONE,      NO,       "ok",      "ok",      "ok"),

    Row(requests.CreateRequest,   OWN,       NO,       "ok",      "ok",      "ok"),
    Row(requests.CreateRequest,   FOUND,     NO,       "ok",      "ok",      "ok"),
    Row(requests.CreateRequest,   OTHER,     NO,       ABSENT,    ABSENT,    ABSENT),    # its owner's to ask for
    Row(requests.RequestObject,   OWN,       NO,       ENDED,     ENDED,     ENDED),     # one may read it already
    Row(requests.RequestObject,   FOUND,     NO,       "ok",      "ok",      ENDED),
    Row(requests.RequestObject,   OTHER,     NO,       ABSENT,    ABSENT,    ENDED),
    Row(requests.GetRequest,      MINE,      NO,       "ok",      "ok",      "ok"),
    Row(requests.GetRequest,      THEIRS,    NO,       ABSENT,    ABSENT,    "ok"),
    Row(requests.ApproveRequest,  MINE,      NO,       "ok",      "ok",      "ok"),
    Row(requests.ApproveRequest,  THEIRS,    NO,       ABSENT,    ABSENT,    "ok"),
    Row(requests.DenyRequest,     MINE,      NO,       "ok",      "ok",      "ok"),
    Row(requests.DenyRequest,     THEIRS,    NO,       ABSENT,    ABSENT,    "ok"),
    Row(requests.WithdrawRequest, MINE,      NO,       ABSENT,    ABSENT,    ABSENT),    # only who asked
    Row(requests.AddHandler,      NONE,      NO,       "ok",      "ok",      "ok"),
    Row(requests.ListHandlers,    NONE,      NO,       "ok",      "ok",      "ok"),
    Row(requests.RemoveHandlers,  OWN,       NO,       "ok",      "ok",      "ok"),
    Row(requests.RemoveHandlers,  OTHER,     NO,       ABSENT,    ABSENT,    ABSENT),
    Row(requests.ListStandingApprovals, NONE, NO,      "ok",      "ok",      "ok"),
    Row(requests.RemoveStandingApproval, OWN, NO,      ABSENT,    "ok",      "ok"),      # a scientist has none
    Row(requests.RemoveStandingApproval, DATA, NO,     ABSENT,    "ok",      "ok"),      # another's, on my data
    Row(requests.RemoveStandingApproval, OTHER, NO,    ABSENT,    ABSENT,    "ok"),
    Row(requests.GetRequest,      OWN,       NO,       "ok",      "ok",      "ok"),
    Row(requests.GetRequest,      DATA,      NO,       ABSENT,    "ok",      "ok"),
    Row(requests.GetRequest,      OTHER,     NO,       ABSENT,    ABSENT,    "ok"),
    Row(policies.GetPolicyState,  OWN,       NO,       NO,        "ok",      "ok"),      # of their own data
    Row(policies.GetPolicyState,  DATA,      NO,       NO,        "ok",      "ok"),
    Row(policies.GetPolicyState,  OTHER,     NO,       NO,        ABSENT,    "ok"),
    Row(requests.ListRequests,    NONE,      NO,       "ok",      "ok",      "ok"),
    Row(requests.ApproveRequest,  OWN,       NO,       NO,        NO,        NO),        # nobody approves their own
    Row(requests.ApproveRequest,  DATA,      NO,       ABSENT,    "ok",      "ok"),
    Row(requests.ApproveRequest,  OTHER,     NO,       ABSENT,    ABSENT,    "ok"),
    Row(requests.DenyRequest,     OWN,       NO,       NO,        NO,        NO),
    Row(requests.DenyRequest,     DATA,      NO,       ABSENT,    "ok",      "ok"),
    Row(requests.DenyRequest,     OTHER,     NO,       ABSENT,    ABSENT,    "ok"),
    Row(requests.WithdrawRequest, OWN,       NO,       "ok",      "ok",      "ok"),
    Row(requests.WithdrawRequest, DATA,      NO,       ABSENT,    ABSENT,    ABSENT),
    Row(requests.WithdrawRequest, OTHER,     NO,       ABSENT,    ABSENT,    ABSENT),

    Row(evidence.GetEvidence,     OWN,       NO,       NO,        NO,        NO),        # not for who asks
    Row(evidence.GetEvidence,     DATA,      NO,       ABSENT,    "ok",      "ok"),
    Row(evidence.GetEvidence,     OTHER,     NO,       ABSENT,    ABSENT,    "ok"),
    Row(evidence.RehearseRequest, OWN,       NO,       NO,        NO,        NO),
    Row(evidence.RehearseRequest, DATA,      NO,       ABSENT,    "ok",      "ok"),
    Row(evidence.RehearseRequest, OTHER,     NO,       ABSENT,    ABSENT,    "ok"),

    # A step of a protocol; nobody has handed over what it takes.
    Row(protocols.RunStep,        OWN,       NO,       ENDED,     ENDED,     ENDED),
    Row(protocols.RunStep,        DATA,      NO,       ABSENT,    ABSENT,    ABSENT),    # only its author runs it
    Row(protocols.RunStep,        OTHER,     NO,       ABSENT,    ABSENT,    ABSENT),
    Row(protocols.CarryOver,      OWN,       NO,       ABSENT,    ABSENT,    ABSENT),    # it has not run
    Row(protocols.CarryOver,      OTHER,     NO,       ABSENT,    ABSENT,    ABSENT),
    Row(protocols.EndRun,         OWN,       NO,       "ok",      "ok",      "ok"),
    Row(protocols.EndRun,         OTHER,     NO,       ABSENT,    ABSENT,    ABSENT),
    Row(protocols.GetStanding,    OWN,       NO,       "ok",      "ok",      "ok"),
    Row(protocols.GetStanding,    OTHER,     NO,       ABSENT,    ABSENT,    ABSENT),
    Row(protocols.HandOver,       OWN,       ABSENT,   ABSENT,    ABSENT,    ABSENT),    # only a site whose key the
    Row(protocols.HandOver,       OTHER,     ABSENT,   ABSENT,    ABSENT,    ABSENT),    # deployment names may

    Row(jobs.CallCode,            OWN,       NO,       "ok",      "ok",      "ok"),      # approved by an administrator
    Row(jobs.CallCode,            DATA,      NO,       ABSENT,    ABSENT,    ABSENT),    # only its author calls it
    Row(jobs.CallCode,            OTHER,     NO,       ABSENT,    ABSENT,    ABSENT),
    Row(jobs.GetJob,              OWN,       NO,       "ok",      "ok",      "ok"),
    Row(jobs.GetJob,              DATA,      NO,       ABSENT,    "ok",      "ok"),
    Row(jobs.GetJob,              OTHER,     NO,       ABSENT,    ABSENT,    "ok"),
    Row(jobs.ListJobs,            OWN,       NO,       "ok",      "ok",      "ok"),
    Row(jobs.ListJobs,            OTHER,     NO,       "ok",      "ok",      "ok"),      # empty: see below
    Row(jobs.GetJobLog,           OWN,       NO,       "ok",      "ok",      "ok"),      # see test_private_output
    Row(jobs.GetJobLog,           DATA,      NO,       ABSENT,    "ok",      "ok"),
    Row(jobs.GetJobLog,           OTHER,     NO,       ABSENT,    ABSENT,    "ok"),
    Row(jobs.KillJob,             OWN,       NO,       ENDED,     ENDED,     ENDED),     # it may, but it has ended
    Row(jobs.KillJob,             DATA,      NO,       ABSENT,    ENDED,     ENDED),
    Row(jobs.KillJob,             OTHER,     NO,       ABSENT,    ABSENT,    ENDED),
    Row(jobs.RestartJob,          OWN,       NO,       ENDED,     ENDED,     ENDED),     # it may, but it ended well
    Row(jobs.RestartJob,          DATA,      NO,       ABSENT,    NO,        NO),        # only who asked for it
    Row(jobs.RestartJob,          OTHER,     NO,       ABSENT,    ABSENT,    NO),
    Row(jobs.SetJobPriority,      OWN,       NO,       ENDED,     ENDED,     ENDED),     # it may, but it has ended
    Row(jobs.SetJobPriority,      DATA,      NO,       ABSENT,    NO,        ENDED),
    Row(jobs.SetJobPriority,      OTHER,     NO,       ABSENT,    ABSENT,    ENDED),

    # A result that is held. Its requester knows that it is, and has nothing of it, whatever else they are.
    Row(results.ListHeldResults,  OWN,       NO,       "ok",      "ok",      "ok"),
    Row(results.ListHeldResults,  OTHER,     NO,       "ok",      "ok",      "ok"),      # empty: test_held_results
    Row(results.GetHeldResult,    OWN,       NO,       "ok",      "ok",      "ok"),
    Row(results.GetHeldResult,    DATA,      NO,       ABSENT,    "ok",      "ok"),
    Row(results.GetHeldResult,    OTHER,     NO,       ABSENT,    ABSENT,    "ok"),
    Row(results.ReadHeldResult,   OWN,       ABSENT,   ABSENT,    ABSENT,    ABSENT),
    Row(results.ReadHeldResult,   DATA,      ABSENT,   ABSENT,    "ok",      "ok"),
    Row(results.ReadHeldResult,   OTHER,     ABSENT,   ABSENT,    ABSENT,    "ok"),
    Row(results.ReleaseResult,    OWN,       NO,       NO,        NO,        NO),        # nobody decides about
    Row(results.ReleaseResult,    DATA,      NO,       ABSENT,    "ok",      "ok"),      # their own
    Row(results.ReleaseResult,    OTHER,     NO,       ABSENT,    ABSENT,    "ok"),
    Row(results.RefuseResult,     OWN,       NO,       NO,        NO,        NO),
    Row(results.RefuseResult,     DATA,      NO,       ABSENT,    "ok",      "ok"),
    Row(results.RefuseResult,     OTHER,     NO,       ABSENT,    ABSENT,    "ok"),
    Row(results.DepositResult,    OWN,       NO,       NO,        NO,        NO),
    Row(results.DepositResult,    DATA,      NO,       NO,        "ok",      "ok"),
    Row(results.DepositResult,    OTHER,     NO,       NO,        ABSENT,    "ok"),
)
# fmt: on


# What the log says once it was done: every kind of message that changes something has its verb. Those that only ask
# have none, and leave no trace.
# fmt: off
RECORDED: Final[dict[type[Message], str]] = {
    session.GetNodeInfo: "",
    session.LogIn: "session.opened",
    session.LogOut: "session.closed",
    nodes.ShowNode: "",
    nodes.Introduce: "",          # a word to another node, of which nothing is kept; that one records what it does
    nodes.RegisterChild: "node.child_registered",
    nodes.TakeAncestry: "node.ancestry_taken",
    nodes.KnowGateway: "node.gateway_known",
    nodes.RemovePeer: "node.peer_removed",
    nodes.Deliver: "mail.taken",
    network.JoinNetwork: "network.join_asked",
    network.AcceptMember: "network.member_accepted",
    network.ListMembers: "",
    users.Register: "user.created",
    users.CreateUser: "user.created",
    users.GetAccount: "",
    users.ListUsers: "",
    users.UpdateUser: "user.updated",
    users.DeleteUser: "user.deleted",
    settings.GetSettings: "",
    settings.UpdateSettings: "settings.changed",
    pools.ListPools: "",
    pools.GetPool: "",
    pools.SetPoolLimits: "pool.limits_changed",
    pools.LaunchPool: "pool.created",
    pools.ScalePool: "pool.scaled",
    pools.RemovePool: "pool.removed",
    images.ListImages: "",
    images.GetImage: "",
    images.GetImageLog: "",
    images.SubmitImage: "image.submitted",
    images.BuildImage: "image.build_began",
    images.RemoveImage: "image.removed",
    workers.ListWorkers: "",
    workers.MakeJoinToken: "worker.token_made",
    workers.AdmitWorker: "worker.admitted",
    workers.RevokeWorker: "worker.revoked",
    # Strangers' questions write nothing; who is admitted by a token is.
    work.JoinPool: "",
    # What a run came to is recorded when its job is settled.
    work.TakeWork: "",
    work.Attend: "",
    work.LeavePool: "",
    work.FetchInput: "",
    work.PutResult: "",
    work.TellOrder: "",
    work.FinishOrder: "",
    work.PutLaunch: "",
    work.Launch: "",
    work.Collect: "",
    events.ListEvents: "",
    events.GetCheckpoint: "",
    datasets.CreateDataset: "dataset.created",
    datasets.ListDatasets: "",
    datasets.GetDataset: "",
    datasets.DeleteDataset: "dataset.deleted",
    objects.BeginUpload: "",      # bytes on their way are nothing yet: what takes them has its event
    objects.PutPart: "",
    objects.FinishUpload: "",
    objects.ReadValue: "",        # whoever may read a value may read it: that is decided, and recorded, before
    objects.PutObject: "object.created",
    objects.ReplaceObject: "object.replaced",
    objects.DescribeObject: "object.described",
    objects.DeleteObject: "object.deleted",
    objects.GetObject: "",
    objects.FindObjects: "",
    objects.Operate: "object.computed",
    plans.RunPlan: "object.computed",
    objects.SetSafeguards: "object.safeguarded",
    objects.GrantObject: "object.granted",
    objects.RenewLeases: "objects.renewed",
    objects.DropLeases: "objects.dropped",
    codes.SubmitCode: "code.submitted",
    codes.GetCode: "",
    codes.ListCodes: "",
    requests.CreateRequest: "request.created",
    requests.RequestObject: "request.created",
    requests.RequestPool: "request.created",
    requests.GetRequest: "",
    requests.ListRequests: "",
    policies.GetPolicyState: "",
    requests.ApproveRequest: "request.approved",
    requests.DenyRequest: "request.denied",
    requests.WithdrawRequest: "request.withdrawn",
    requests.AddHandler: "request_handler.added",
    requests.ListHandlers: "",
    requests.RemoveHandlers: "request_handlers.removed",
    requests.ListStandingApprovals: "",
    requests.RemoveStandingApproval: "request.standing_removed",
    evidence.GetEvidence: "",
    evidence.RehearseRequest: "job.queued",
    protocols.RunStep: "job.queued",
    protocols.CarryOver: "value.handed_over",
    protocols.HandOver: "value.arrived",
    protocols.EndRun: "run.ended",
    protocols.GetStanding: "",
    jobs.CallCode: "job.queued",
    jobs.GetJob: "",
    jobs.ListJobs: "",
    jobs.GetJobLog: "",
    jobs.KillJob: "job.cancel_asked",
    jobs.RestartJob: "job.queued",
    jobs.SetJobPriority: "job.priority_set",
    results.ListHeldResults: "",
    results.GetHeldResult: "",
    results.ReadHeldResult: "",   # as of any value
    results.ReleaseResult: "result.released",
    results.RefuseResult: "result.refused",
    results.DepositResult: "result.deposited",
}
# fmt: on
# Of which something may be asked that changes nothing: leases that are fresh or another's, a plan whose result is told
# and not kept, a run of which nothing is left. What they record where they do something: test_audit.
MAY_CHANGE_NOTHING: Final = frozenset(
    {objects.RenewLeases, objects.DropLeases, plans.RunPlan, protocols.EndRun, images.BuildImage}
)


class Stage:
    """Makes what a message is about, and the message; each a fresh one, since acts change things."""

    def __init__(self, site: Cast) -> None:
        self.site = site
        self._jobs: dict[tuple[str, str], jobs.JobView] = {}
        self._results: dict[tuple[str, str], UID] = {}
        self._count = 0

    def sender(self, role: str, kind: type[Message]) -> Person:
        """Who sends it: of the cast, or where the act uses its sender up, somebody like them."""
        if role == "guest":
            return self.site.newcomer()
        if kind in (session.LogOut, users.DeleteUser, users.UpdateUser, session.LogIn):
            return self.somebody(
                {"scientist": Role.DATA_SCIENTIST, "owner": Role.DATA_OWNER}.get(role, Role.ADMIN)
            )
        return getattr(self.site, role)

    def somebody(self, role: Role) -> Person:
        self._count += 1
        return member(self.site.node, self.site.admin, f"extra{self._count}@site.org", role)

    def has_account(self, sender: Person) -> bool:
        return refused(sender, users.GetAccount())[0] == "ok"

    def image(self, whose: str, sender: Person) -> UID:
        """Of a worker image that needs no installing; its sender's if they may have one."""
        message = images.SubmitImage(ImageConfig(prebuilt="syft-base"))
        if whose == OWN and refused(sender, images.SubmitImage(ImageConfig(packages=("a",))))[0] == "ok":
            return sender.say(message, images.ImageReply).image.uid
        return self.site.other_owner.say(message, images.ImageReply).image.uid

    def author_of(self, whose: str, sender: Person) -> Person:
        """Who wrote the code: the sender, or somebody else."""
        if whose == OWN and self.has_account(sender):
            return sender
        return self.site.other_scientist

    def data_for(self, whose: str, sender: Person) -> UID:
        owner = {OTHER: self.site.other_owner, DATA: self.site.owner}.get(whose, self.site.owner)
        if whose == DATA and sender is self.site.admin:
            owner = self.site.admin
        return upload(owner)

    def kept(self, whose: str, sender: Person, *, findable: bool = False, leased: bool = False) -> UID:
        """An object of the sender's, or of another's; hidden unless everybody is to find it."""
        mine = whose in (OWN, MINE) and self.has_account(sender)
        findable = findable or whose == FOUND
        put = objects.PutObject(new_value(7), findable=findable, leased=leased)
        holder = sender if mine else self.site.other_scientist
        return holder.say(put, objects.ObjectReply).object.uid

    def standing(self, whose: str, sender: Person) -> UID:
        """A standing approval: the sender's own where they may give one; the administrator's about data of theirs; or
        the other owner's about the other owner's data.
        """
        site = self.site
        owner = {OTHER: site.other_owner, DATA: site.owner}.get(whose, site.owner)
        giver = {OTHER: site.other_owner, DATA: site.admin}.get(whose)
        giver = giver or (sender if sender in (site.owner, site.admin) else site.owner)
        request = site.other_scientist.request(fresh("return data", upload(owner)))
        approval = requests.ApproveRequest(
            request.uid, request.code.digest, standing=requests.NewStanding(times=2)
        )
        giver.say(approval, requests.RequestReply)
        found = giver.say(requests.ListStandingApprovals(), requests.StandingApprovalsReply).approvals
        return next(one.uid for one in found if one.request_uid == request.uid)

    def step(self, whose: str, sender: Person) -> requests.RequestView:
        """An approved step of a protocol, by the sender or by somebody else, which takes a value from another site."""
        author = self.author_of(whose, sender)
        data = self.data_for(whose, sender)
        steps = [
            step("there", "return 1"),
            step("here", "return [data, x]", objects={"data": data}, taken={"x": FromStep(0)}),
        ]
        there = site_of(author, node_uid=UID(), key=Identity.generate().verify_key)
        _, submission = submissions(steps, {"here": site_of(author), "there": there})
        request = author.request(submission)
        approver = self.site.admin if author is not self.site.admin else self.site.owner
        return approver.approve(request)

    def asked(self, whose: str, sender: Person) -> requests.RequestView:
        """A request of somebody else's to read an object of the sender's, or of another's."""
        uid = self.kept(whose, sender, findable=True)
        asks = self.somebody(Role.DATA_SCIENTIST)
        return asks.say(requests.RequestObject(uid), requests.RequestReply).request

    def handler(self, whose: str, sender: Person) -> UID:
        holder = sender if whose == OWN and self.has_account(sender) else self.site.other_scientist
        message = requests.AddHandler(HandlerAction.DENY, (UID().hex,))
        return holder.say(message, requests.HandlersReply).handlers[0].uid

    def request(self, whose: str, sender: Person) -> requests.RequestView:
        if whose in (MINE, THEIRS):
            return self.asked(whose, sender)
        data = self.data_for(whose, sender)
        return self.author_of(whose, sender).request(fresh("return data", data))

    def approved(self, whose: str, sender: Person) -> tuple[requests.RequestView, UID]:
        """Approved code; one that an administrator wrote is approved by the owner of its data."""
        data = self.data_for(whose, sender)
        author = self.author_of(whose, sender)
        request = author.request(fresh("return data", data))
        decider = self.site.owner if author is self.site.admin else self.site.admin
        return decider.approve(request), data

    def job(self, whose: str, sender: Person) -> jobs.JobView:
        """A finished private run; one for each pair is enough, since none of the acts changes it."""
        key = (whose, sender.identity.verify_key.hex())
        if key not in self._jobs:
            request, data = self.approved(whose, sender)
            author = self.author_of(whose, sender)
            self._jobs[key] = author.call(request.code.submission.name, data=on(data))
        return self._jobs[key]

    def held(self, whose: str, sender: Person) -> UID:
        """A private run whose result waits for somebody to look at it."""
        data = self.data_for(whose, sender)
        have_reviewed(self.site, data)
        author = self.author_of(whose, sender)
        request = author.request(fresh("return {'n': 1, 'data': data}", data))
        decider = self.site.owner if author is self.site.admin else self.site.admin
        decider.approve(request)
        job = author.call(request.code.submission.name, data=on(data))
        assert job.state is JobState.HELD
        return job.uid

    def begun_upload(self, whose: str, sender: Person) -> UID:
        """Three bytes on their way, none of them there."""
        whom = sender if whose == OWN and self.has_account(sender) else self.site.other_owner
        return whom.say(objects.BeginUpload(3), objects.UploadReply).upload_uid

    def finished_upload(self, whose: str, sender: Person) -> UID:
        whom = sender if whose == OWN and self.has_account(sender) else self.site.other_owner
        uid = self.begun_upload(whose, sender)
        whom.say(objects.PutPart(uid, 0), Message, b"abc")
        whom.say(objects.FinishUpload(uid, blake3(b"abc").hexdigest()), objects.UploadReply)
        return uid

    def account(self, whose: str, sender: Person) -> UID:
        if whose == OWN and self.has_account(sender):
            return account_of(sender)
        if whose == MADE and refused(sender, settings.GetSettings())[0] == "ok":
            self._count += 1
            return account_of(member(self.site.node, sender, f"extra{self._count}@site.org"))
        return account_of(self.somebody(Role.DATA_SCIENTIST))

    def message(self, kind: type[Message], whose: str, sender: Person) -> tuple[Message, bytes]:
        """The message, about a fresh object where it takes one, and what travels beside it."""
        return MAKERS[kind](self, whose, sender), b"abc" if kind is objects.PutPart else b""


Maker = Callable[[Stage, str, Person], Message]


def a_read(stage: Stage, whose: str, sender: Person) -> Message:
    if whose == DATA:
        return objects.ReadValue(stage.data_for(DATA, sender), Face.PRIVATE)
    result = stage.job(whose, sender).result_uid
    assert result is not None
    return objects.ReadValue(result, Face.PRIVATE)


def a_login(stage: Stage, whose: str, sender: Person) -> Message:
    """To one's own account with its password; to another's with one's own."""
    if whose == OTHER:
        return session.LogIn("owner@site.org", sender.sealed("a password"))
    if not stage.has_account(sender):
        stage.somebody(Role.DATA_SCIENTIST)
        return session.LogIn(f"extra{stage._count}@site.org", sender.sealed(PASSWORD))
    mail = sender.say(users.GetAccount(), users.UserReply).user.email
    return session.LogIn(mail, sender.sealed(PASSWORD))


def a_pool_to_remove(stage: Stage, whose: str, sender: Person) -> Message:
    name = f"pool-{UID().hex}"
    stage.site.admin.say(pools.LaunchPool(PoolSpec(name=name)), pools.PoolReply)
    return pools.RemovePool(name)


def a_worker(stage: Stage, whose: str) -> tuple[UID, str]:
    """UID and key of one that waits, or of none."""
    if whose == OTHER:
        return UID(), "0" * 64
    machine = stage.site.newcomer()
    machine.say(work.JoinPool(DEFAULT_POOL, "w", 1, "process", "0" * 64), work.Joined)
    key = machine.identity.verify_key.hex()
    views = stage.site.admin.say(workers.ListWorkers(), workers.WorkersReply).workers
    return next(view.uid for view in views if view.verify_key == key), key


def a_worker_to_revoke(stage: Stage, whose: str, sender: Person) -> Message:
    uid, key = a_worker(stage, whose)
    if whose == OWN:
        stage.site.admin.say(workers.AdmitWorker(uid, key), workers.WorkerReply)
    return workers.RevokeWorker(uid)


def a_dataset(stage: Stage, whose: str, sender: Person) -> Message:
    value = new_value(1)
    if whose == OTHER:
        value = datasets.NewValue(type_name="int", upload_uid=stage.finished_upload(OTHER, sender))
    return datasets.CreateDataset(UID().hex, (datasets.NewAsset(name="asset", private=value),))


def a_dataset_of(stage: Stage, whose: str, sender: Person) -> UID:
    owner = (
        sender if whose == OWN and sender in (stage.site.owner, stage.site.admin) else stage.site.other_owner
    )
    return owner.upload(UID().hex, 1, 0).dataset.uid


def a_call(stage: Stage, whose: str, sender: Person) -> Message:
    request, data = stage.approved(whose, sender)
    return jobs.CallCode({"data": on(data)}, request.code.uid, None, 20)


def a_value_for(stage: Stage, whose: str, sender: Person) -> Message:
    request = stage.step(whose, sender)
    part = request.code.submission.part
    assert isinstance(part, Part)
    return protocols.HandOver(
        protocol=part.protocol,
        run=UID(),
        source=0,
        target=1,
        parameter="x",
        digest=blake3(b"").hexdigest(),
        size=1,
    )


def an_approval(stage: Stage, whose: str, sender: Person) -> Message:
    request = stage.request(whose, sender)
    if request.code is None:
        with stage.site.store.reading() as reader:
            value = reader.get(ObjectRecord, request.object_uid).private
        return requests.ApproveRequest(request.uid, value.digest)
    return requests.ApproveRequest(request.uid, request.code.digest)


def a_removal(stage: Stage, whose: str, sender: Person) -> Message:
    if whose == OTHER:
        return nodes.RemovePeer(UID())
    machine = a_node("vm")
    stage.site.admin.say(nodes.RegisterChild(introduction(machine, sender.node)), nodes.Ancestry)
    return nodes.RemovePeer(machine.info.uid)


MAKERS: Final[dict[type[Message], Maker]] = {
    session.GetNodeInfo: lambda stage, whose, sender: session.GetNodeInfo(),
    nodes.ShowNode: lambda stage, whose, sender: nodes.ShowNode(),
    nodes.Introduce: lambda stage, whose, sender: nodes.Introduce(a_node("gateway").info),
    nodes.RegisterChild: lambda stage, whose, sender: nodes.RegisterChild(
        introduction(a_node("vm"), sender.node)
    ),
    nodes.TakeAncestry: lambda stage, whose, sender: nodes.TakeAncestry(a_node("network").info),
    nodes.KnowGateway: lambda stage, whose, sender: nodes.KnowGateway(a_node("gateway").info),
    nodes.RemovePeer: a_removal,
    nodes.Deliver: lambda stage, whose, sender: nodes.Deliver(
        letter(sender.identity, sender.node, nodes.ShowNode(), hidden=True)[0]
    ),
    network.JoinNetwork: lambda stage, whose, sender: network.JoinNetwork(
        introduction(a_node("datasite"), sender.node)
    ),
    network.AcceptMember: lambda stage, whose, sender: network.AcceptMember(UID()),
    network.ListMembers: lambda stage, whose, sender: network.ListMembers(),
    session.LogIn: a_login,
    session.LogOut: lambda stage, whose, sender: session.LogOut(),
    users.Register: lambda stage, whose, sender: users.Register(
        f"r{UID().hex}@x.org", "R", sender.sealed("p")
    ),
    users.CreateUser: lambda stage, whose, sender: users.CreateUser(
        f"c{UID().hex}@x.org", "C", sender.sealed("p")
    ),
    users.GetAccount: lambda stage, whose, sender: users.GetAccount(),
    users.ListUsers: lambda stage, whose, sender: users.ListUsers(uid=stage.account(whose, sender)),
    users.UpdateUser: lambda stage, whose, sender: users.UpdateUser(stage.account(whose, sender), name="New"),
    users.DeleteUser: lambda stage, whose, sender: users.DeleteUser(stage.account(whose, sender)),
    settings.GetSettings: lambda stage, whose, sender: settings.GetSettings(),
    settings.UpdateSettings: lambda stage, whose, sender: settings.UpdateSettings(description="new"),
    pools.ListPools: lambda stage, whose, sender: pools.ListPools(limit=5),
    pools.GetPool: lambda stage, whose, sender: pools.GetPool(DEFAULT_POOL),
    pools.SetPoolLimits: lambda stage, whose, sender: pools.SetPoolLimits(
        DEFAULT_POOL, JobLimits(wall_s=600)
    ),
    images.ListImages: lambda stage, whose, sender: images.ListImages(limit=5),
    images.GetImage: lambda stage, whose, sender: images.GetImage(uid=stage.image(whose, sender)),
    images.GetImageLog: lambda stage, whose, sender: images.GetImageLog(stage.image(whose, sender)),
    images.SubmitImage: lambda stage, whose, sender: images.SubmitImage(ImageConfig(packages=("a",))),
    images.BuildImage: lambda stage, whose, sender: images.BuildImage(stage.image(whose, sender)),
    images.RemoveImage: lambda stage, whose, sender: images.RemoveImage(stage.image(whose, sender)),
    pools.LaunchPool: lambda stage, whose, sender: pools.LaunchPool(PoolSpec(name=f"pool-{UID().hex}")),
    pools.ScalePool: lambda stage, whose, sender: pools.ScalePool(DEFAULT_POOL, 2),
    pools.RemovePool: a_pool_to_remove,
    workers.ListWorkers: lambda stage, whose, sender: workers.ListWorkers(),
    workers.AdmitWorker: lambda stage, whose, sender: workers.AdmitWorker(*a_worker(stage, whose)),
    workers.RevokeWorker: a_worker_to_revoke,
    workers.MakeJoinToken: lambda stage, whose, sender: workers.MakeJoinToken(DEFAULT_POOL),
    work.JoinPool: lambda stage, whose, sender: work.JoinPool(DEFAULT_POOL, "w", 1, "process", "0" * 64),
    work.LeavePool: lambda stage, whose, sender: work.LeavePool(UID()),
    work.TakeWork: lambda stage, whose, sender: work.TakeWork(UID()),
    work.Attend: lambda stage, whose, sender: work.Attend(UID()),
    work.FetchInput: lambda stage, whose, sender: work.FetchInput(UID(), b"x", "0" * 64),
    work.PutResult: lambda stage, whose, sender: work.PutResult(UID(), b"x"),
    work.TellOrder: lambda stage, whose, sender: work.TellOrder(UID(), b"x"),
    work.FinishOrder: lambda stage, whose, sender: work.FinishOrder(
        UID(), b"x", work.OutcomeView(status="finished")
    ),
    work.PutLaunch: lambda stage, whose, sender: work.PutLaunch(UID(), b"x"),
    work.Launch: lambda stage, whose, sender: work.Launch(UID(), b"x", ()),
    work.Collect: lambda stage, whose, sender: work.Collect(UID(), b"x", 1),
    requests.RequestPool: lambda stage, whose, sender: requests.RequestPool(
        PoolSpec(name=f"pool-{UID().hex}")
    ),
    events.ListEvents: lambda stage, whose, sender: events.ListEvents(limit=5),
    events.GetCheckpoint: lambda stage, whose, sender: events.GetCheckpoint(),
    datasets.CreateDataset: a_dataset,
    datasets.ListDatasets: lambda stage, whose, sender: datasets.ListDatasets(limit=5),
    datasets.GetDataset: lambda stage, whose, sender: datasets.GetDataset(a_dataset_of(stage, whose, sender)),
    datasets.DeleteDataset: lambda stage, whose, sender: datasets.DeleteDataset(
        a_dataset_of(stage, whose, sender)
    ),
    objects.BeginUpload: lambda stage, whose, sender: objects.BeginUpload(0),
    objects.PutPart: lambda stage, whose, sender: objects.PutPart(stage.begun_upload(whose, sender), 0),
    objects.FinishUpload: lambda stage, whose, sender: objects.FinishUpload(
        stage.finished_upload(whose, sender), blake3(b"abc").hexdigest()
    ),
    objects.ReadValue: a_read,
    objects.PutObject: lambda stage, whose, sender: objects.PutObject(
        new_value(1), UID() if whose == OWN else stage.kept(whose, sender)
    ),
    objects.ReplaceObject: lambda stage, whose, sender: objects.ReplaceObject(
        stage.kept(whose, sender), new_value(2)
    ),
    objects.DescribeObject: lambda stage, whose, sender: objects.DescribeObject(
        stage.kept(whose, sender), tags=("mine",), findable=True
    ),
    objects.DeleteObject: lambda stage, whose, sender: objects.DeleteObject(stage.kept(whose, sender)),
    objects.GetObject: lambda stage, whose, sender: objects.GetObject(stage.kept(whose, sender)),
    objects.FindObjects: lambda stage, whose, sender: objects.FindObjects(limit=5),
    objects.Operate: lambda stage, whose, sender: objects.Operate(
        Step(op="add", inputs=(Of(stage.kept(whose, sender)), 1), output=UID())
    ),
    plans.RunPlan: lambda stage, whose, sender: plans.RunPlan(
        plan=Plan(name="f", inputs=("x",), outputs=(place(0),)), inputs=(stage.kept(whose, sender),)
    ),
    objects.SetSafeguards: lambda stage, whose, sender: objects.SetSafeguards(
        stage.kept(whose, sender), datasets.NewSafeguards(review=True)
    ),
    objects.GrantObject: lambda stage, whose, sender: objects.GrantObject(
        stage.kept(whose, sender), ("nobody@x.org",)
    ),
    objects.RenewLeases: lambda stage, whose, sender: objects.RenewLeases(
        (stage.kept(whose, sender, leased=True),)
    ),
    objects.DropLeases: lambda stage, whose, sender: objects.DropLeases(
        (stage.kept(whose, sender, leased=True),)
    ),
    requests.RequestObject: lambda stage, whose, sender: requests.RequestObject(stage.kept(whose, sender)),
    requests.AddHandler: lambda stage, whose, sender: requests.AddHandler(HandlerAction.DENY, ("a",)),
    requests.ListHandlers: lambda stage, whose, sender: requests.ListHandlers(),
    requests.RemoveHandlers: lambda stage, whose, sender: requests.RemoveHandlers(
        (stage.handler(whose, sender),)
    ),
    requests.ListStandingApprovals: lambda stage, whose, sender: requests.ListStandingApprovals(limit=5),
    requests.RemoveStandingApproval: lambda stage, whose, sender: requests.RemoveStandingApproval(
        stage.standing(whose, sender)
    ),
    codes.SubmitCode: lambda stage, whose, sender: codes.SubmitCode(
        fresh("return data", stage.kept(whose, sender))
    ),
    codes.GetCode: lambda stage, whose, sender: codes.GetCode(stage.request(whose, sender).code.uid),
    codes.ListCodes: lambda stage, whose, sender: codes.ListCodes(limit=5),
    requests.CreateRequest: lambda stage, whose, sender: requests.CreateRequest(
        fresh("return data", stage.kept(whose, sender))
    ),
    policies.GetPolicyState: lambda stage, whose, sender: policies.GetPolicyState(
        stage.request(whose, sender).uid
    ),
    requests.GetRequest: lambda stage, whose, sender: requests.GetRequest(stage.request(whose, sender).uid),
    requests.ListRequests: lambda stage, whose, sender: requests.ListRequests(limit=5),
    requests.ApproveRequest: an_approval,
    requests.DenyRequest: lambda stage, whose, sender: requests.DenyRequest(
        stage.request(whose, sender).uid, "no"
    ),
    requests.WithdrawRequest: lambda stage, whose, sender: requests.WithdrawRequest(
        stage.request(whose, sender).uid
    ),
    evidence.GetEvidence: lambda stage, whose, sender: evidence.GetEvidence(stage.request(whose, sender).uid),
    evidence.RehearseRequest: lambda stage, whose, sender: evidence.RehearseRequest(
        stage.request(whose, sender).uid, {}, 20
    ),
    protocols.RunStep: lambda stage, whose, sender: protocols.RunStep(
        stage.step(whose, sender).code.uid, UID()
    ),
    protocols.CarryOver: lambda stage, whose, sender: protocols.CarryOver(
        stage.step(whose, sender).code.uid, UID(), 0
    ),
    protocols.EndRun: lambda stage, whose, sender: protocols.EndRun(
        stage.step(whose, sender).code.uid, UID()
    ),
    protocols.GetStanding: lambda stage, whose, sender: protocols.GetStanding(
        (stage.step(whose, sender).code.uid,)
    ),
    protocols.HandOver: a_value_for,
    jobs.CallCode: a_call,
    jobs.GetJob: lambda stage, whose, sender: jobs.GetJob(stage.job(whose, sender).uid),
    jobs.ListJobs: lambda stage, whose, sender: jobs.ListJobs(code_uid=stage.job(whose, sender).code_uid),
    jobs.GetJobLog: lambda stage, whose, sender: jobs.GetJobLog(stage.job(whose, sender).uid),
    jobs.KillJob: lambda stage, whose, sender: jobs.KillJob(stage.job(whose, sender).uid),
    results.ListHeldResults: lambda stage, whose, sender: results.ListHeldResults(
        request_uid=stage.request(whose, sender).uid
    ),
    results.GetHeldResult: lambda stage, whose, sender: results.GetHeldResult(stage.held(whose, sender)),
    results.ReadHeldResult: lambda stage, whose, sender: results.ReadHeldResult(stage.held(whose, sender)),
    results.ReleaseResult: lambda stage, whose, sender: results.ReleaseResult(
        stage.held(whose, sender), (1,), "rows of the data"
    ),
    results.RefuseResult: lambda stage, whose, sender: results.RefuseResult(stage.held(whose, sender), "no"),
    results.DepositResult: lambda stage, whose, sender: results.DepositResult(
        stage.request(whose, sender).uid, new_value(5)
    ),
    jobs.RestartJob: lambda stage, whose, sender: jobs.RestartJob(stage.job(whose, sender).uid),
    jobs.SetJobPriority: lambda stage, whose, sender: jobs.SetJobPriority(stage.job(whose, sender).uid, -1),
}


@pytest.fixture(scope="module")
def stage(site: Cast) -> Stage:
    return Stage(site)


# What these name inside is nobody's own: worker images, which everybody with an account sees, and nodes.
NOBODYS: Final = frozenset(
    {
        pools.LaunchPool,
        requests.RequestPool,
        nodes.Introduce,
        nodes.KnowGateway,
        nodes.TakeAncestry,
    }
)


def is_about(kind: type[Message]) -> bool:
    """Whether a message of that kind names an object, in a field or anywhere inside of one."""
    if kind in NOBODYS:
        return False
    return kind is session.LogIn or names_something(inspect.type_info(kind), frozenset())


def names_something(kind: Any, above: frozenset[type]) -> bool:
    """Whether a value of that type can hold a UID."""
    if isinstance(kind, inspect.CustomType):
        return kind.cls is UID
    if isinstance(kind, inspect.StructType):
        inside = above | {kind.cls}
        return kind.cls not in above and any(names_something(field.type, inside) for field in kind.fields)
    parts = [*getattr(kind, "types", ()), *getattr(kind, "item_types", ())]
    parts += [getattr(kind, name, None) for name in ("item_type", "key_type", "value_type")]
    return any(names_something(part, above) for part in parts if part is not None)


# The table is whole


def test_every_message_has_its_row() -> None:
    """THREATS 2.6: a message that a node takes and that nobody thought about here."""
    assert {row.kind for row in ROWS} == set(table())
    assert set(MAKERS) == set(table())
    assert set(RECORDED) == set(table())


@pytest.mark.parametrize("kind", sorted(table(), key=lambda kind: kind.__name__))
def test_every_message_about_objects_has_rows_for_own_and_others(kind: type[Message]) -> None:
    """THREATS 2.6: own and foreign objects."""
    whose = [row.whose for row in ROWS if row.kind is kind]
    assert len(whose) == len(set(whose))
    if is_about(kind):
        assert {OWN, OTHER} <= set(whose), kind


def test_every_role_has_a_column() -> None:
    """THREATS 2.6: a role that is new has no column yet."""
    assert {
        "guest" if role is Role.GUEST else role.name.lower() for role in Role if role is not Role.NONE
    } == {{"scientist": "data_scientist", "owner": "data_owner"}.get(role, role) for role in ROLES}


# The table is true


CELLS: Final = [
    pytest.param(row, role, id=f"{row.kind.__name__}-{row.whose}-{role}".replace(" ", "_").replace("'", ""))
    for row in ROWS
    for role in ROLES
]


@pytest.mark.parametrize(("row", "role"), CELLS)
def test_cell(stage: Stage, row: Row, role: str) -> None:
    """THREATS 2.6: the answer is the expected one, and what was refused has changed nothing."""
    sender = stage.sender(role, row.kind)
    message, attachment = stage.message(row.kind, row.whose, sender)
    before = stage.site.count_events()
    code, text = refused(sender, message, attachment)
    assert code == getattr(row, role), text
    new = stage.site.events(after=before)
    if code == "ok":
        # What others do meanwhile (a run that ends, a letter that is handled) is not signed by this key.
        own = [one.event.verb for one in new if one.event.actor_key == sender.identity.verify_key.hex()]
        expected = RECORDED[row.kind]
        if expected and (own or row.kind not in MAY_CHANGE_NOTHING):
            assert expected in own
        else:
            assert own == []
    else:
        # That it was refused may be written down; nothing else that was refused leaves a trace.
        # A letter of an earlier row may be handled meanwhile.
        assert {one.event.verb for one in new} <= {*OF_REFUSALS, "mail.handled"}


# What the table cannot say


def test_lists_hold_what_one_may_see(stage: Stage) -> None:
    """THREATS 2.6, 1.4: everybody may ask for lists; what is in them differs."""
    site = stage.site
    own = stage.request(OWN, site.scientist)
    theirs = stage.request(OTHER, site.scientist)
    on_data = stage.request(DATA, site.owner)
    job = {whose: stage.job(whose, site.scientist) for whose in (OWN, OTHER)}
    expected = {
        "scientist": {own.uid},
        "owner": {own.uid, on_data.uid},
        "other_owner": {theirs.uid},
        "admin": {own.uid, theirs.uid, on_data.uid},
    }
    for name, uids in expected.items():
        person: Person = getattr(site, name)
        listed = person.say(requests.ListRequests(), requests.RequestsReply)
        codes_ = person.say(codes.ListCodes(), codes.CodesReply)
        asked = {own.uid, theirs.uid, on_data.uid}
        assert {one.uid for one in listed.requests} & asked == uids, name
        assert {one.uid for one in codes_.codes} & {one.code.uid for one in (own, theirs, on_data)} == {
            one.code.uid for one in (own, theirs, on_data) if one.uid in uids
        }, name
        assert listed.total == len(listed.requests)
        assert codes_.total == len(codes_.codes)
    seen = {one.uid for one in site.scientist.say(jobs.ListJobs(), jobs.JobsReply).jobs}
    assert job[OWN].uid in seen
    assert job[OTHER].uid not in seen
    foreign = site.scientist.say(jobs.ListJobs(code_uid=job[OTHER].code_uid), jobs.JobsReply)
    assert (foreign.jobs, foreign.total) == ((), 0)


def test_an_owner_manages_scientists_only(stage: Stage) -> None:
    """THREATS 2.6, 2.1: to an owner, other owners and administrators are not accounts to change or delete."""
    for role in (Role.DATA_OWNER, Role.ADMIN):
        uid = account_of(stage.somebody(role))
        for message in (users.UpdateUser(uid, name="X"), users.DeleteUser(uid)):
            assert refused(stage.site.owner, message)[0] == NO
            assert refused(stage.site.admin, message)[0] == "ok"


def test_a_mock_is_for_everybody(stage: Stage) -> None:
    """THREATS 2.6: outside the fence: what is there to be seen is seen."""
    data = upload(stage.site.owner, 7, 1)
    for role in ROLES:
        person: Person = getattr(stage.site, role)
        assert person.read(data, Face.MOCK) == 1


def test_guests_may_be_kept_out(tmp_path: Path) -> None:
    """THREATS 2.6: where guests are not welcome, they can say who they are, and nothing more."""
    with opened(tmp_path) as node:
        site = cast_on(node, tmp_path)
        dataset = site.owner.upload("seen", 7, 1)
        asks = [
            datasets.ListDatasets(),
            datasets.GetDataset(dataset.dataset.uid),
            objects.ReadValue(asset_of(dataset), Face.MOCK),
        ]
        assert [refused(site.guest, one)[0] for one in asks] == ["ok"] * 3
        site.admin.say(settings.UpdateSettings(guest_sessions=False), settings.SettingsReply)
        assert [refused(site.guest, one)[0] for one in asks] == [NO] * 3
        assert refused(site.guest, session.GetNodeInfo())[0] == "ok"
        assert [refused(site.scientist, one)[0] for one in asks] == ["ok"] * 3


def test_a_kind_that_is_an_answer_is_not_taken(stage: Stage) -> None:
    """THREATS 2.5, 2.6: messages that only nodes say are handled by nobody."""
    reply = users.UsersReply((), 0)
    assert refused(stage.site.admin, reply) == (
        "invalid_input",
        "This node does not take messages of kind 'users.list.reply'.",
    )
