# SPDX-License-Identifier: Apache-2.0
"""Messages between processes over ZeroMQ; nothing outside this package imports zmq.

`node.Node` is what an actor or a listening tool uses, `client.ask` what a process without a loop
uses.  The protocol itself (`wire`, `speaker`, `follow`, `requests`) touches no socket and no clock,
so that a simulator runs the same code over links that lose, double and delay.
"""
