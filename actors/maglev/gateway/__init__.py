# SPDX-License-Identifier: Apache-2.0
"""The gateway: what operators and programs see and steer, over gRPC and HTTP.

actor.py is the contract and the pure part; shell.py and server.py serve it, streams.py its
watchers; access.py says who may change things, door.py finds out who somebody is; calls.py counts.
"""
