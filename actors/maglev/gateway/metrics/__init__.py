# SPDX-License-Identifier: Apache-2.0
"""/metrics for Prometheus, from what the gateway knows.

text.py is the format, page.py the table of all families; states.py, counts.py and server.py have
the rows of each; listener.py serves them over HTTP without holding up gRPC.
"""
