# SPDX-License-Identifier: Apache-2.0
"""Settings of the whole test run: Hypothesis without deadlines, and without chance in CI."""

import os

from hypothesis import settings

settings.register_profile("local", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "local")
