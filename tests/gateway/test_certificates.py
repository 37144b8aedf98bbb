# SPDX-License-Identifier: Apache-2.0
"""The files of TLS: read again when they change, kept when the change is bad."""

from __future__ import annotations

import os
import ssl
from pathlib import Path

import pytest
import trustme

from maglev.gateway.certificates import Certificates, Operators, names_in
from maglev.log import Log


@pytest.fixture
def log() -> Log:
    return Log("gateway", "error", fd=os.open(os.devnull, os.O_WRONLY))


def write(path: Path, text: bytes | str) -> str:
    """Replace a file, as tools do that renew certificates."""
    fresh = path.with_suffix(".new")
    fresh.write_bytes(text.encode() if isinstance(text, str) else text)
    fresh.rename(path)
    return str(path)


def test_operators_are_a_list_with_commas_or_the_lines_of_a_file(tmp_path: Path, log: Log) -> None:
    assert Operators(" ana, bob ,,ana", log).names() == {"ana", "bob"}
    assert Operators("", log).names() == frozenset()
    path = write(tmp_path / "ops", "# who may\nana\n\n  bob@example.net # on call\n")
    assert Operators(path, log).names() == {"ana", "bob@example.net"}


def test_a_changed_list_is_in_force_at_once_and_a_missing_one_changes_nothing(
    tmp_path: Path, log: Log
) -> None:
    path = tmp_path / "ops"
    operators = Operators(write(path, "ana\n"), log)
    write(path, "bob\n")
    assert operators.names() == {"bob"}
    path.unlink()
    assert operators.names() == {"bob"}
    path.write_bytes(b"\xff\xfe")
    assert operators.names() == {"bob"}
    write(path, "")
    assert operators.names() == frozenset()


def test_a_list_that_cannot_be_read_at_the_start_is_an_error(tmp_path: Path, log: Log) -> None:
    with pytest.raises(OSError, match="No such file"):
        Operators(str(tmp_path / "ops"), log)


def test_a_renewed_certificate_is_used_from_then_on_and_a_bad_one_never(
    tmp_path: Path, log: Log
) -> None:
    ca = trustme.CA()
    first = ca.issue_cert("maglev.example")
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    write(cert, first.cert_chain_pems[0].bytes())
    write(key, first.private_key_pem.bytes())
    certificates = Certificates(str(cert), str(key), "", log)
    context = certificates.context()
    assert certificates.context() is context
    assert context.verify_mode is ssl.CERT_NONE
    second = ca.issue_cert("maglev.example")
    write(key, second.private_key_pem.bytes())
    assert certificates.context() is context, "half of a renewal: the key is of another one"
    write(cert, second.cert_chain_pems[0].bytes())
    assert certificates.context() is not context
    renewed = certificates.context()
    write(cert, "no certificate")
    assert certificates.context() is renewed


def test_files_that_cannot_be_used_at_the_start_are_an_error(tmp_path: Path, log: Log) -> None:
    path = write(tmp_path / "cert.pem", "no certificate")
    with pytest.raises(ssl.SSLError):
        Certificates(path, path, "", log)


def test_names_are_the_cn_then_dns_names_addresses_and_uris() -> None:
    certificate = {
        "subject": ((("countryName", "NL"),), (("commonName", "ana"),)),
        "subjectAltName": (
            ("DNS", "ana.example"),
            ("IP Address", "192.0.2.1"),
            ("email", "ana@example.net"),
            ("URI", "spiffe://example/ana"),
            ("DNS", "ana"),
        ),
    }
    assert names_in(certificate) == (
        "ana",
        "ana.example",
        "ana@example.net",
        "spiffe://example/ana",
    )
    assert names_in(None) == names_in({}) == ()
