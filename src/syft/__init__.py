"""Compute on data that you are not allowed to see: `import syft as sy`.

Names are looked up when they are first used (PEP 562), so that `import syft` costs nothing, and a client never
loads what only a server needs. `_NAMES` is what counts; the block below it says the same to type checkers and
editors, which do not run `__getattr__`, and a test compares the two.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from syft import lib as lib
    from syft import logger as logger
    from syft import orchestra as orchestra
    from syft.client.aggregation import secure_sum as secure_sum
    from syft.client.assets import ActionObject as ActionObject
    from syft.client.assets import Asset as Asset
    from syft.client.assets import Contributor as Contributor
    from syft.client.assets import Dataset as Dataset
    from syft.client.client import Client as Client
    from syft.client.client import DatasiteClient as DatasiteClient
    from syft.client.coderequests import Request as Request
    from syft.client.function import SubmitUserCode as SubmitUserCode
    from syft.client.function import SyftFunction as SyftFunction
    from syft.client.function import syft_function as syft_function
    from syft.client.function import syft_function_single_use as syft_function_single_use
    from syft.client.images import CustomWorkerConfig as CustomWorkerConfig
    from syft.client.images import DockerWorkerConfig as DockerWorkerConfig
    from syft.client.images import PrebuiltWorkerConfig as PrebuiltWorkerConfig
    from syft.client.jobs import Job as Job
    from syft.client.limits import Limits as Limits
    from syft.client.login import connect as connect
    from syft.client.login import login as login
    from syft.client.login import login_as_guest as login_as_guest
    from syft.client.login import register as register
    from syft.client.login import search as search
    from syft.client.plans import Plan as Plan
    from syft.client.plans import PointerPlan as PointerPlan
    from syft.client.plans import func2plan as func2plan
    from syft.client.plans import method2plan as method2plan
    from syft.client.pointer import Pointer as Pointer
    from syft.client.policies import Constant as Constant
    from syft.client.policies import CustomInputPolicy as CustomInputPolicy
    from syft.client.policies import CustomOutputPolicy as CustomOutputPolicy
    from syft.client.policies import EmptyInputPolicy as EmptyInputPolicy
    from syft.client.policies import EmpyInputPolicy as EmpyInputPolicy
    from syft.client.policies import ExactMatch as ExactMatch
    from syft.client.policies import MixedInputPolicy as MixedInputPolicy
    from syft.client.policies import OutputPolicyExecuteCount as OutputPolicyExecuteCount
    from syft.client.policies import OutputPolicyExecuteOnce as OutputPolicyExecuteOnce
    from syft.client.policies import OutputPolicyOncePerInputs as OutputPolicyOncePerInputs
    from syft.client.policies import SingleExecutionExactOutput as SingleExecutionExactOutput
    from syft.client.policies import UserInputPolicy as UserInputPolicy
    from syft.client.policies import UserOutputPolicy as UserOutputPolicy
    from syft.client.present import SyftError as SyftError
    from syft.client.present import SyftInfo as SyftInfo
    from syft.client.present import SyftNotReady as SyftNotReady
    from syft.client.present import SyftSuccess as SyftSuccess
    from syft.client.present import SyftWarning as SyftWarning
    from syft.client.present import settings as settings
    from syft.client.raises import raises as raises
    from syft.client.steps import Step as Step
    from syft.client.terms import Bound as Bound
    from syft.client.terms import Safeguards as Safeguards
    from syft.client.usercode import UserCode as UserCode
    from syft.client.users import UserView as UserView
    from syft.core.common.serde.serialize import deserialize as deserialize
    from syft.core.common.serde.serialize import serialize as serialize
    from syft.core.io.address import Address as Address
    from syft.core.io.location import SpecificLocation as SpecificLocation
    from syft.core.node.common.service.repr_service import ReprMessage as ReprMessage
    from syft.core.node.device import Device as Device
    from syft.core.node.device import DeviceClient as DeviceClient
    from syft.core.node.domain import Domain as Domain
    from syft.core.node.domain import DomainClient as DomainClient
    from syft.core.node.network import Network as Network
    from syft.core.node.network import NetworkClient as NetworkClient
    from syft.core.node.vm import VirtualMachine as VirtualMachine
    from syft.core.node.vm import VirtualMachineClient as VirtualMachineClient
    from syft.errors import AuthorizationException as AuthorizationException
    from syft.errors import ResultHeld as ResultHeld
    from syft.errors import SyftException as SyftException
    from syft.lib.torch_hook import TorchHook as TorchHook
    from syft.lib.torch_hook import hook as hook
    from syft.messaging.protocol import PointerProtocol as PointerProtocol
    from syft.messaging.protocol import Protocol as Protocol
    from syft.messaging.workers import VirtualWorker as VirtualWorker
    from syft.messaging.workers import local_worker as local_worker
    from syft.model.pool import Dask as Dask
    from syft.model.uid import UID as UID
    from syft.service.job.job_stash import JobStatus as JobStatus
    from syft.version import VERSION as __version__  # noqa: F401, N811
    from syft.wire.types_partitioned import Partitioned as Partitioned
    from syft.workers.base import BaseWorker as BaseWorker
    from syft.workers.multi import MultiPointerTensor as MultiPointerTensor
    from syft.workers.pointers import PointerTensor as PointerTensor
    from syft.workers.sending import send as send

# Where each public name lives; an empty name is the module itself.
_NAMES: Final[dict[str, tuple[str, str]]] = {
    "logger": ("syft.logger", ""),
    "lib": ("syft.lib", ""),
    "serialize": ("syft.core.common.serde.serialize", "serialize"),
    "deserialize": ("syft.core.common.serde.serialize", "deserialize"),
    "Address": ("syft.core.io.address", "Address"),
    "Device": ("syft.core.node.device", "Device"),
    "DeviceClient": ("syft.core.node.device", "DeviceClient"),
    "Domain": ("syft.core.node.domain", "Domain"),
    "DomainClient": ("syft.core.node.domain", "DomainClient"),
    "Network": ("syft.core.node.network", "Network"),
    "NetworkClient": ("syft.core.node.network", "NetworkClient"),
    "ReprMessage": ("syft.core.node.common.service.repr_service", "ReprMessage"),
    "SpecificLocation": ("syft.core.io.location", "SpecificLocation"),
    "VirtualMachine": ("syft.core.node.vm", "VirtualMachine"),
    "VirtualMachineClient": ("syft.core.node.vm", "VirtualMachineClient"),
    "__version__": ("syft.version", "VERSION"),
    "orchestra": ("syft.orchestra", ""),
    "ActionObject": ("syft.client.assets", "ActionObject"),
    "Asset": ("syft.client.assets", "Asset"),
    "Contributor": ("syft.client.assets", "Contributor"),
    "Dataset": ("syft.client.assets", "Dataset"),
    "Client": ("syft.client.client", "Client"),
    "DatasiteClient": ("syft.client.client", "DatasiteClient"),
    "SubmitUserCode": ("syft.client.function", "SubmitUserCode"),
    "SyftFunction": ("syft.client.function", "SyftFunction"),
    "syft_function": ("syft.client.function", "syft_function"),
    "syft_function_single_use": ("syft.client.function", "syft_function_single_use"),
    "CustomWorkerConfig": ("syft.client.images", "CustomWorkerConfig"),
    "DockerWorkerConfig": ("syft.client.images", "DockerWorkerConfig"),
    "PrebuiltWorkerConfig": ("syft.client.images", "PrebuiltWorkerConfig"),
    "Job": ("syft.client.jobs", "Job"),
    "JobStatus": ("syft.service.job.job_stash", "JobStatus"),
    "Limits": ("syft.client.limits", "Limits"),
    "Dask": ("syft.model.pool", "Dask"),
    "connect": ("syft.client.login", "connect"),
    "login": ("syft.client.login", "login"),
    "login_as_guest": ("syft.client.login", "login_as_guest"),
    "register": ("syft.client.login", "register"),
    "search": ("syft.client.login", "search"),
    "Plan": ("syft.client.plans", "Plan"),
    "PointerPlan": ("syft.client.plans", "PointerPlan"),
    "func2plan": ("syft.client.plans", "func2plan"),
    "method2plan": ("syft.client.plans", "method2plan"),
    "Pointer": ("syft.client.pointer", "Pointer"),
    "PointerProtocol": ("syft.messaging.protocol", "PointerProtocol"),
    "Protocol": ("syft.messaging.protocol", "Protocol"),
    "Step": ("syft.client.steps", "Step"),
    "secure_sum": ("syft.client.aggregation", "secure_sum"),
    "Constant": ("syft.client.policies", "Constant"),
    "CustomInputPolicy": ("syft.client.policies", "CustomInputPolicy"),
    "CustomOutputPolicy": ("syft.client.policies", "CustomOutputPolicy"),
    "EmptyInputPolicy": ("syft.client.policies", "EmptyInputPolicy"),
    "EmpyInputPolicy": ("syft.client.policies", "EmpyInputPolicy"),
    "ExactMatch": ("syft.client.policies", "ExactMatch"),
    "MixedInputPolicy": ("syft.client.policies", "MixedInputPolicy"),
    "OutputPolicyExecuteCount": ("syft.client.policies", "OutputPolicyExecuteCount"),
    "OutputPolicyExecuteOnce": ("syft.client.policies", "OutputPolicyExecuteOnce"),
    "OutputPolicyOncePerInputs": ("syft.client.policies", "OutputPolicyOncePerInputs"),
    "SingleExecutionExactOutput": ("syft.client.policies", "SingleExecutionExactOutput"),
    "UserInputPolicy": ("syft.client.policies", "UserInputPolicy"),
    "UserOutputPolicy": ("syft.client.policies", "UserOutputPolicy"),
    "SyftError": ("syft.client.present", "SyftError"),
    "SyftInfo": ("syft.client.present", "SyftInfo"),
    "SyftNotReady": ("syft.client.present", "SyftNotReady"),
    "SyftSuccess": ("syft.client.present", "SyftSuccess"),
    "SyftWarning": ("syft.client.present", "SyftWarning"),
    "settings": ("syft.client.present", "settings"),
    "raises": ("syft.client.raises", "raises"),
    "Request": ("syft.client.coderequests", "Request"),
    "Bound": ("syft.client.terms", "Bound"),
    "Safeguards": ("syft.client.terms", "Safeguards"),
    "UserCode": ("syft.client.usercode", "UserCode"),
    "UserView": ("syft.client.users", "UserView"),
    "AuthorizationException": ("syft.errors", "AuthorizationException"),
    "ResultHeld": ("syft.errors", "ResultHeld"),
    "SyftException": ("syft.errors", "SyftException"),
    "UID": ("syft.model.uid", "UID"),
    "Partitioned": ("syft.wire.types_partitioned", "Partitioned"),
    "TorchHook": ("syft.lib.torch_hook", "TorchHook"),
    "hook": ("syft.lib.torch_hook", "hook"),
    "BaseWorker": ("syft.workers.base", "BaseWorker"),
    "local_worker": ("syft.messaging.workers", "local_worker"),
    "MultiPointerTensor": ("syft.workers.multi", "MultiPointerTensor"),
    "PointerTensor": ("syft.workers.pointers", "PointerTensor"),
    "send": ("syft.workers.sending", "send"),
    "VirtualWorker": ("syft.messaging.workers", "VirtualWorker"),
}

__all__ = tuple(sorted(_NAMES))


def __getattr__(name: str) -> Any:
    home = _NAMES.get(name)
    if home is None:
        raise AttributeError(f"syft has no name '{name}'. `dir(syft)` lists those it has.")
    module = import_module(home[0])
    value = getattr(module, home[1]) if home[1] else module
    globals()[name] = value
    return value


def __dir__() -> tuple[str, ...]:
    return __all__
