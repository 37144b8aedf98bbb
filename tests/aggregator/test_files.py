# SPDX-License-Identifier: Apache-2.0
"""The state directory: what was written is read, what is damaged is said, the previous is there."""

import json
from pathlib import Path

import msgspec
import pytest

from maglev.aggregator import files
from maglev.aggregator.events import Remembered
from maglev.aggregator.state import Wish
from maglev.aggregator.totals import Kept
from maglev.core.totals import BOUNDS_S, Life
from maglev.messages import AuditEntry, ProbeTally, Transition, TransitionTally

WISH = Wish("www", "p0", "web1", 7, 100, "ana", "unix", 5)
PAUSE = Wish("", "", "web2", "paused", "run", "ana", "unix", 6)


def test_what_was_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "wishes"
    files.write(path, files.WishesFile((WISH, PAUSE)))
    assert files.read(path, files.WishesFile) == files.WishesFile((WISH, PAUSE))


def test_verdicts_come_back_whole(tmp_path: Path) -> None:
    history = (Transition(number=3, before="up", after="down", at_ns=9),)
    one = Remembered("10.0.0.1", "down", 0, 4, "down", 3, 9, history)
    kept = files.VerdictsFile("boot", 1.5, {"web1": one})
    files.write(tmp_path / "verdicts", kept)
    assert files.read(tmp_path / "verdicts", files.VerdictsFile) == kept


def test_no_file_is_no_trouble(tmp_path: Path) -> None:
    assert files.read_or_previous(tmp_path / "wishes", files.WishesFile) == (None, "")


@pytest.mark.parametrize("at", range(0, 60, 7))
def test_a_damaged_file_is_said_and_its_previous_copy_used(tmp_path: Path, at: int) -> None:
    path = tmp_path / "wishes"
    files.write(path, files.WishesFile((WISH,)))
    files.write(path, files.WishesFile((WISH, PAUSE)))
    damaged = bytearray(path.read_bytes())
    damaged[at] ^= 0x55
    path.write_bytes(damaged)
    found, trouble = files.read_or_previous(path, files.WishesFile)
    assert found == files.WishesFile((WISH,))
    assert str(path) in trouble


@pytest.mark.parametrize("length", [0, 1, 10, 40])
def test_a_cut_off_file_is_said(tmp_path: Path, length: int) -> None:
    path = tmp_path / "wishes"
    files.write(path, files.WishesFile((WISH, PAUSE)))
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(files.Unusable, match="damaged"):
        files.read(path, files.WishesFile)


def test_a_file_of_a_newer_version_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "wishes"
    body = msgspec.msgpack.encode(files.WishesFile(()))
    path.write_bytes(msgspec.msgpack.encode([files.VERSION + 1, files.crc32(body), body]))
    with pytest.raises(files.Unusable, match=f"version {files.VERSION + 1}"):
        files.read(path, files.WishesFile)


def test_a_failed_write_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "wishes"
    files.write(path, files.WishesFile((WISH,)))
    (tmp_path / "wishes.new").mkdir()
    with pytest.raises(OSError, match="directory"):
        files.write(path, files.WishesFile(()))
    assert files.read(path, files.WishesFile) == files.WishesFile((WISH,))


def test_the_audit_file_is_one_object_a_line_and_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "audit.jsonl"
    entry = AuditEntry(1, "ana", "unix", "pause", "backend web1", "up", "paused", "done")
    for _ in range(3):
        files.append_audit(path, entry)
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [line["who"] for line in lines] == ["ana"] * 3
    monkeypatch.setattr(files, "AUDIT_BYTES_MAX", 10)
    files.append_audit(path, entry)
    assert len(path.read_text().splitlines()) == 1
    assert len((tmp_path / "audit.jsonl.previous").read_text().splitlines()) == 3


def audited(number: int, text: str = "") -> AuditEntry:
    return AuditEntry(number, "ana", "unix", "pause", f"backend {text or number}", "", "", "done")


@pytest.mark.parametrize("block", [1, 7, 100, 1 << 16])
def test_the_audit_file_is_read_from_its_end_and_on_in_the_one_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block: int
) -> None:
    path = tmp_path / "audit.jsonl"
    entries = [audited(number, "ü" * (number % 5)) for number in range(20)]
    for entry in entries[:12]:
        files.append_audit(path, entry)
    path.rename(path.with_name("audit.jsonl.previous"))
    for entry in entries[12:]:
        files.append_audit(path, entry)
    monkeypatch.setattr(files, "_BLOCK_BYTES", block)
    for count in (0, 1, 8, 9, 20, 30):
        assert files.read_audit(path, count) == tuple(reversed(entries))[:count]


def test_half_a_line_of_the_audit_file_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    assert files.read_audit(path, 5) == ()
    files.append_audit(path, audited(1))
    with path.open("ab") as file:
        file.write(b'{"at_ns": 2, "who": "a\xff')
    assert files.read_audit(path, 5) == (audited(1),)


def test_no_more_of_the_audit_file_is_read_than_fits_a_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "audit.jsonl"
    for number in range(100):
        files.append_audit(path, audited(number))
    monkeypatch.setattr(files, "AUDIT_READ_BYTES_MAX", 1000)
    assert 1 < len(files.read_audit(path, 100)) < 20


# --- totals ---------------------------------------------------------------------------------------

TALLY = ProbeTally("web1", "http", {"L7OK": 3, "": 1}, (3,), 5)
STEPS = (TransitionTally("up", "down", 2),)
KEPT = (Kept("web1", (TALLY,), (Life("prober-0", 1, TALLY),), STEPS), Kept("web2", (), (), STEPS))


def test_totals_come_back_whole_and_empty_blocks_are_none(tmp_path: Path) -> None:
    path = tmp_path / "totals"
    blocks = (files.packed(KEPT[:1]), b"", files.packed(KEPT[1:]), files.packed(()))
    files.write_expendable(path, files.TotalsFile(BOUNDS_S, blocks))
    files.write_expendable(path, files.TotalsFile(BOUNDS_S, blocks))
    assert files.read_totals(path) == KEPT
    assert [one.name for one in tmp_path.iterdir()] == ["totals"]


def test_no_totals_are_no_trouble(tmp_path: Path) -> None:
    assert files.read_totals(tmp_path / "totals") == ()


@pytest.mark.parametrize(
    ("bounds_s", "blocks", "why"),
    [
        ((1.0, 2.0), (b"",), "other bounds"),
        (BOUNDS_S, (b"\xc1",), "damaged"),
        (BOUNDS_S, (files.packed((1, 2)),), "damaged"),
    ],
)
def test_totals_that_cannot_be_understood_are_said(
    tmp_path: Path, bounds_s: tuple[float, ...], blocks: tuple[bytes, ...], why: str
) -> None:
    path = tmp_path / "totals"
    files.write_expendable(path, files.TotalsFile(bounds_s, blocks))
    with pytest.raises(files.Unusable, match=why):
        files.read_totals(path)


def test_a_directory_that_cannot_be_written_is_told_and_nothing_is_left(tmp_path: Path) -> None:
    (tmp_path / "totals").mkdir()
    with pytest.raises(OSError, match="totals"):
        files.write_expendable(tmp_path / "totals", files.TotalsFile(BOUNDS_S, ()))
    assert [one.name for one in tmp_path.iterdir()] == ["totals"]
