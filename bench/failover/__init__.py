# SPDX-License-Identifier: Apache-2.0
"""From the death of a backend to VPP's reply: `python -m bench.failover`."""
