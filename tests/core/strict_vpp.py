# SPDX-License-Identifier: Apache-2.0
"""A VPP of a few lines that refuses what the real one refuses, and what nobody should ask of it.

It knows nothing of maglev.core.reconcile but the names of operations; refusals as recorded from VPP
26.10, numbers as VPP gives them.
"""

from collections import Counter
from ipaddress import ip_address

from maglev.core.reconcile import ActualVip, AddAs, AddVip, DelAs, DelVip, SetWeight


class Refused(Exception):
    """What VPP would answer with a negative retval."""


class StrictVpp:
    """VIPs by key as [encap, sticky, weights by address], and how often each AS was flushed."""

    def __init__(self, actual):
        self.vips = {
            vip: [one.encap, one.src_ip_sticky, dict(one.ases)] for vip, one in actual.items()
        }
        self.flushes = Counter()

    def picture(self):
        """Return what a dump would show now; later operations do not change it."""
        return {
            vip: ActualVip(vip, encap, sticky, dict(ases))
            for vip, (encap, sticky, ases) in self.vips.items()
        }

    def run(self, operations):
        for operation in operations:
            self.accept(operation)
        return self

    def accept(self, operation):
        vip = operation.vip
        match operation:
            case AddVip(encap=encap, src_ip_sticky=sticky):
                self._refuse_next_to(vip, encap)
                self.vips[vip] = [encap, sticky, {}]
            case DelVip():
                if self._ases(vip):
                    raise Refused(f"ASes would go without a flush: {operation}")
                del self.vips[vip]
            case AddAs(address=address, weight=weight):
                ases = self._ases(vip)
                if address in ases:
                    raise Refused(f"-81 AS exists: {operation}")
                if ip_address(address).version != (6 if "6" in self.vips[vip][0] else 4):
                    raise Refused(f"-97 wrong family: {operation}")
                ases[address] = self._checked(weight)
            case DelAs(address=address, weight_before=before):
                self._expect(operation, before)
                del self._ases(vip)[address]
                self.flushes[vip, address] += 1
            case SetWeight(address=address, weight=weight, weight_before=before, flush=flush):
                self._expect(operation, before)
                self._ases(vip)[address] = weight if weight == before else self._checked(weight)
                self.flushes[vip, address] += flush

    def _ases(self, vip):
        if vip not in self.vips:
            raise Refused(f"-6 no such VIP: {vip}")
        return self.vips[vip][2]

    def _expect(self, operation, weight_before):
        found = self._ases(operation.vip).get(operation.address)
        if found != weight_before:
            raise Refused(f"-6 no such AS, or another weight ({found=}): {operation}")

    def _refuse_next_to(self, vip, encap):
        if vip in self.vips:
            raise Refused(f"-81 VIP exists: {vip}")
        for other, (encap_other, _, _) in self.vips.items():
            if other.prefix == vip.prefix and (not other.port or not vip.port):
                raise Refused(f"-81 all ports next to a port: {vip} {other}")
            if other.prefix == vip.prefix and encap_other != encap:
                raise Refused(f"-73 other encap: {vip} {other}")

    @staticmethod
    def _checked(weight):
        if not 0 <= weight <= 100:
            raise Refused(f"a weight VPP takes and does not mean: {weight}")
        return weight
