# SPDX-License-Identifier: Apache-2.0
"""Probing over HTTP: the prober's process against HAProxy, both checking the same nginx."""
