# The notebook of 2021 that explains nodes, addresses and signed messages: its cells, each as it is written there,
# under the number it has there.
# %% 8
import sys
import pytest
import syft as sy
from syft.core.node.common.service.auth import AuthorizationException
from syft.util import key_emoji
sy.LOG_FILE = "syft_do.log"
sy.logger.remove()
_ = sy.logger.add(sys.stdout, level="DEBUG")
# %% 9
some_device = sy.Device()
# %% 10
print(f'Device name: {some_device.name}')
print(f'Device id: {some_device.id}')
print(f'Device adress: {some_device.address}')
# %% 13
print(some_device.address.vm) 
print(some_device.address.device)
print(some_device.address.domain)
print(some_device.address.network)
print(some_device.address.target_id)
# %% 15
print(some_device.address.target_id.pprint)
print(some_device.address.pprint)
# %% 19
print(some_device.id, some_device.address.target_id.id)
print(some_device.id.emoji(), "==", some_device.address.target_id.id.emoji())
print(some_device.pprint)
assert some_device.id == some_device.address.target_id.id
# %% 20
bob_device = sy.Device(name="Bob's iPhone")
assert bob_device.name == "Bob's iPhone"
# %% 21
bob_device_client = bob_device.get_client()
# %% 22
assert bob_device_client.name == "Bob's iPhone Client"
# %% 23
print(bob_device_client.pprint, bob_device.pprint)
print(bob_device.id.emoji(), "==", bob_device_client.id.emoji())
assert bob_device.id == bob_device_client.device.id
assert bob_device.address == bob_device_client.address
# %% 24
msg = sy.ReprMessage(address=bob_device_client.address)
print(msg.pprint)
print(bob_device_client.address.pprint)
assert msg.address == bob_device_client.address
# %% 25
print(sy.ReprMessage.mro())
# %% 26
with pytest.raises(AuthorizationException):
    bob_device_client.send_immediate_msg_without_reply(
        msg=sy.ReprMessage(address=bob_device_client.address)
    )
# %% 27
print(bob_device_client.keys)
print(bob_device.keys)

assert bob_device_client.verify_key != bob_device.root_verify_key
# %% 28
bob_device_client = bob_device.get_root_client()
# %% 29
bob_device_client.send_immediate_msg_without_reply(
    msg=sy.ReprMessage(address=bob_device_client.address)
)
