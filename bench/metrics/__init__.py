# SPDX-License-Identifier: Apache-2.0
"""Scrapes of 10,000 backends, and gRPC beside them: `python -m bench.metrics`."""
