# SPDX-License-Identifier: Apache-2.0
"""What the programmer is measured against, on the same socket: vpp_papi's plain synchronous client,
and messages packed beforehand, which VPP gets as fast as it takes them.
"""

import socket
import struct
import threading
import time
from ipaddress import ip_address
from itertools import pairwise

from vpp_papi import VPPApiClient

HEADER = struct.Struct(">QII")
REPLY = struct.Struct(">HIi")


def vip_fields(vip):
    return {"pfx": vip.prefix, "protocol": vip.protocol, "port": vip.port}


def calls(desired):
    """Return VPP's calls that make these VIPs, as (name, fields)."""
    made = []
    for one in desired:
        fields = vip_fields(one)
        made.append(("lb_add_del_vip_v2", fields | {"new_flows_table_length": 1024}))
        made += [
            (
                "lb_add_del_as_v2",
                fields | {"as_address": ip_address(each.address), "weight": each.weight},
            )
            for each in one.ases
        ]
    return made


class Plain:
    """vpp_papi's client as its documentation shows it: a call, its reply, the next call."""

    def __init__(self, path):
        self._client = VPPApiClient(server_address=str(path), bootstrapapi=True)
        self._client.connect("bench")
        self.api = self._client.api

    def make(self, wanted):
        """Make all calls; return the seconds."""
        begin_s = time.monotonic()
        for name, fields in wanted:
            assert getattr(self.api, name)(**fields).retval == 0
        return time.monotonic() - begin_s

    def read(self):
        """Read what a sync reads; return the seconds."""
        begin_s = time.monotonic()
        self.api.lb_conf_get()
        self.api.lb_vip_dump()
        self.api.lb_as_v2_dump()
        self.api.cli_inband(cmd="show lb vips verbose")
        return time.monotonic() - begin_s

    def packed(self, wanted):
        """Return calls as bytes, for somebody else's connection."""
        return [getattr(self.api, f"{name}_pack")(**fields) for name, fields in wanted]

    @property
    def end_id(self):
        """The id of the message that ends a dump."""
        return self._client.id_names.index("control_ping_reply")

    def close(self):
        self._client.disconnect()


class Ceiling:
    """A connection that only moves bytes."""

    def __init__(self, path):
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.connect(str(path))
        self._input = self._socket.makefile("rb", buffering=1 << 20)
        hello = struct.pack(">HI64s", 15, 0, b"ceiling")
        self._socket.sendall(HEADER.pack(0, len(hello), 0) + hello)
        self._handle = self._message()[14:18]

    def make(self, packed):
        """Send all messages and count the replies; return the seconds."""
        frames = [self._frame(message) for message in packed]
        cuts = [*range(0, len(frames), 200), len(frames)]
        bursts = [b"".join(frames[begin:end]) for begin, end in pairwise(cuts)]
        begin_s = time.monotonic()
        sender = threading.Thread(target=lambda: [self._socket.sendall(one) for one in bursts])
        sender.start()
        for _ in frames:
            _, _, retval = REPLY.unpack_from(self._message())
            assert retval == 0, f"{retval=}"
        sender.join()
        return time.monotonic() - begin_s

    def change_during(self, reader, dump, end_id, change):
        """Make a change while `reader` dumps; return the seconds that the change takes."""
        reader._socket.sendall(b"".join(map(reader._frame, dump)))
        begin_s = time.monotonic()
        self._socket.sendall(self._frame(change))
        self._message()
        taken_s = time.monotonic() - begin_s
        while int.from_bytes(reader._message()[:2], "big") != end_id:
            pass
        return taken_s

    def _frame(self, message):
        told = message[:2] + self._handle + message[6:]
        return HEADER.pack(0, len(told), 0) + told

    def _message(self):
        _, length, _ = HEADER.unpack(self._input.read(HEADER.size))
        return self._input.read(length)

    def close(self):
        self._input.close()
        self._socket.close()
