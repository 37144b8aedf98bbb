# SPDX-License-Identifier: Apache-2.0
"""Syncing VPP: the programmer's process against vpp_papi's plain client and VPP's own ceiling."""
