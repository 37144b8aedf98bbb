# SPDX-License-Identifier: Apache-2.0
"""The wire stays what it was: numbers and types of fields against a listing that is kept.

`python -m tests.rpc.test_compatible` takes what was added to the listing.  What was taken out of
maglev.proto stays in the listing as removed, so its number can never mean anything else.
"""

from __future__ import annotations

from pathlib import Path

from google.protobuf.descriptor import Descriptor, FieldDescriptor

from maglev.rpc.service import pb

LISTING = Path(__file__).with_name("wire.txt")
REMOVED = " (removed)"


def lines() -> list[str]:
    """Return everything that clients depend on, a line each, sorted."""
    file = pb.DESCRIPTOR
    found = [f"package {file.package}"]
    for service in file.services_by_name.values():
        for method in service.methods:
            stream = "stream " if method.server_streaming else ""
            found.append(
                f"rpc {service.full_name}.{method.name} {method.input_type.full_name} -> "
                f"{stream}{method.output_type.full_name}"
            )
            assert not method.client_streaming, method.full_name
    for message in file.message_types_by_name.values():
        found += fields(message)
    return sorted(found)


def fields(message: Descriptor) -> list[str]:
    """Return the fields of a message and of those within it."""
    found = []
    for field in message.fields:
        words = [f"field {message.full_name} {field.number} {field.name} {kind(field)}"]
        if field.is_repeated:
            words.append("repeated")
        if field.has_presence and field.message_type is None:
            words.append("optional")
        if field.containing_oneof is not None and field.message_type is not None:
            words.append(f"in {field.containing_oneof.name}")
        found.append(" ".join(words))
    for nested in message.nested_types:
        found += fields(nested)
    return found


def kind(field: FieldDescriptor) -> str:
    """Return the type of a field, by its name in .proto files."""
    if field.message_type is not None:
        return field.message_type.full_name
    names = {
        value: name.removeprefix("TYPE_").lower()
        for name, value in vars(FieldDescriptor).items()
        if name.startswith("TYPE_")
    }
    return names[field.type]


def number_of(line: str) -> str:
    """Return what a line may not share with any other: the message and number of a field."""
    return " ".join(line.split()[:3])


def accepted() -> list[str]:
    """Return the listing."""
    return LISTING.read_text(encoding="utf-8").splitlines()


def accept() -> None:
    """Take into the listing what is new; say as removed what is gone."""
    now = lines()
    before = [line.removesuffix(REMOVED) for line in accepted()] if LISTING.exists() else []
    gone = [line + REMOVED for line in before if line not in now]
    LISTING.write_text("\n".join(sorted(now + gone)) + "\n", encoding="utf-8")


def test_nothing_that_clients_depend_on_is_gone_or_another() -> None:
    standing = [line for line in accepted() if not line.endswith(REMOVED)]
    assert [line for line in standing if line not in lines()] == []


def test_everything_new_is_in_the_listing() -> None:
    new = [line for line in lines() if line not in accepted()]
    assert new == [], "run: python -m tests.rpc.test_compatible"


def test_no_number_has_two_meanings() -> None:
    numbers = [number_of(line) for line in accepted() if line.startswith("field ")]
    assert len(numbers) == len(set(numbers))


def test_the_names_that_others_know_have_the_numbers_they_know() -> None:
    known = (
        "field maglev.FrontendInfo 5 pools maglev.PoolInfo repeated",
        "field maglev.FrontendInfo 6 description string",
        "field maglev.FrontendInfo 7 src_ip_sticky bool",
        "field maglev.FrontendInfo 8 flush_on_down bool",
        "field maglev.CheckConfigResponse 1 ok bool",
        "field maglev.CheckConfigResponse 2 parse_error string",
        "field maglev.CheckConfigResponse 3 semantic_error string",
        "field maglev.ReloadConfigResponse 1 ok bool",
        "field maglev.ReloadConfigResponse 2 parse_error string",
        "field maglev.ReloadConfigResponse 3 semantic_error string",
        "field maglev.ReloadConfigResponse 4 reload_error string",
        "field maglev.SyncVPPLBStateRequest 1 frontend_name string optional",
        "rpc maglev.Maglev.WatchEvents maglev.WatchRequest -> stream maglev.Event",
    )
    assert [line for line in known if line not in lines()] == []


if __name__ == "__main__":
    accept()
