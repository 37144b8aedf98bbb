# SPDX-License-Identifier: Apache-2.0
"""Kills, stops and restarts of a large system, many times: `python -m bench.faults`."""
