# SPDX-License-Identifier: Apache-2.0
"""How the answers of the daemon read, one file for each kind of object; pure."""
