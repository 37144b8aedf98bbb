# SPDX-License-Identifier: Apache-2.0
"""What decides: pure functions on plain values, importing only messages."""
