# SPDX-License-Identifier: Apache-2.0
"""Memory and CPU of each process, idle and with 10,000 backends: `python -m bench.footprint`."""
