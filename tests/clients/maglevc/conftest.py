# SPDX-License-Identifier: Apache-2.0
"""What the tests of maglevc share: a daemon to talk to."""

from collections.abc import Iterator

import pytest

from tests.clients.maglevc.fake import FakeDaemon


@pytest.fixture
def daemon() -> Iterator[FakeDaemon]:
    """Return a daemon that listens on the loopback interface, and where all is well."""
    one = FakeDaemon()
    one.start()
    yield one
    one.stop()
