# SPDX-License-Identifier: Apache-2.0
"""`python -m maglev.daemon`, the same as `maglevd`."""

from maglev.daemon import main

main()
