# SPDX-License-Identifier: Apache-2.0
"""The actor that probes backends and keeps a verdict on each; one of a pool."""
