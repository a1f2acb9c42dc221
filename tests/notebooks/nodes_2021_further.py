# What the notebook of 2021 goes on to show in its original: nodes in nodes, signed bytes, messages passed on.
# Its cells in our words, under the number of the step they show; 3 and 4 as things are here.
# %% 0
import sys

from nacl.signing import SigningKey

import syft as sy
from syft.core.common.signed import SignedImmediateSyftMessageWithoutReply
from syft.util import key_emoji

sy.logger.remove()
_ = sy.logger.add(sys.stdout, level="CRITICAL")
bob_device = sy.Device(name="Bob's iPhone")
bob_device_client = bob_device.get_root_client()
# %% 1
bob_vm = sy.VirtualMachine(name="Bob's VM")
bob_vm_client = bob_vm.get_root_client()
print(bob_device_client.address.pprint)
print(bob_vm_client.address.pprint)
assert bob_device.known_child_nodes == []
# %% 2
print(bob_device_client.register(client=bob_vm_client))
print(bob_vm.address.pprint)
print(bob_vm_client.address.pprint)
assert bob_vm in bob_device.known_child_nodes
assert bob_vm.address == bob_vm_client.address
# %% 3
assert bob_vm_client.address.target_id.id in bob_device.in_memory_client_registry
print([address.pprint for address in bob_device.known_child_nodes])
# %% 4
sig_msg = sy.ReprMessage(address=bob_vm.address).sign(signing_key=SigningKey(bytes(31) + b"7"))
blob = sy.serialize(sig_msg, to_bytes=True)
same = sy.deserialize(blob, from_bytes=True)
assert isinstance(same, SignedImmediateSyftMessageWithoutReply)
repr_msg = same.message
print(type(repr_msg).__name__)
assert same.id == repr_msg.id
assert same.address == repr_msg.address
assert sy.serialize(repr_msg, to_bytes=True) == same.serialized_message
assert sy.serialize(same, to_bytes=True) == blob
# %% 5
signing_key = SigningKey(bytes.fromhex("e89ff2e651b42393b6ecb5956419088781309d953d72bd73a0968525a3a6a951"))
again = repr_msg.sign(signing_key=signing_key)
assert again == same
assert again.verify_key == signing_key.verify_key
print(key_emoji(key=signing_key), key_emoji(key=signing_key.verify_key))
# %% 6
om_domain = sy.Domain(name="OpenMined")
om_domain_client = om_domain.get_root_client()
om_domain_client.register(client=bob_device_client)
for node in (bob_vm, bob_device, om_domain):
    print(node.address.pprint)
assert om_domain_client.id == bob_device.address.domain.id
assert bob_device.id == bob_vm.address.device.id
assert om_domain.id == bob_vm.address.domain.id
# %% 7
bob_vm.root_verify_key = om_domain_client.verify_key
sy.logger.remove()
_ = sy.logger.add(sys.stdout, level="DEBUG")
om_domain_client.send_immediate_msg_without_reply(msg=sy.ReprMessage(address=bob_vm.address))
# %% 8
sy.logger.remove()
_ = sy.logger.add(lambda line: None, level="CRITICAL")
for node in (bob_vm, bob_device, om_domain):
    node.close()
