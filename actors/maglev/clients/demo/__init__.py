# SPDX-License-Identifier: Apache-2.0
"""The whole system on one machine, to be looked at and disturbed: `make demo`.

A simulated VPP, five small web servers, maglevd with its actors, and a terminal that says in plain
words what happens.  `words` and `screen` are pure; `stage` has the processes, `terminal` the
terminal, `show` the loop that connects them.
"""
