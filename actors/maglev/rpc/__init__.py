# SPDX-License-Identifier: Apache-2.0
"""The gRPC service in words of the bus; the one place that imports generated code.

service.py is the table of calls; reads.py answers from a View, changes.py turns a call into a
request to an actor and back, events.py encodes what watchers see; convert.py makes the messages.
"""
