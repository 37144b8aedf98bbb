# SPDX-License-Identifier: Apache-2.0
"""The aggregator: decides states, assignments, weights; touches the configuration and its files.

actor.py is the contract and the dispatch; state.py what it knows; the other files one concern each;
__main__.py is the shell that reads and writes files.
"""
