# SPDX-License-Identifier: Apache-2.0
"""The only writer to VPP: what VPP should have against what it has; begin with actor.py."""
