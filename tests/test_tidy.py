# SPDX-License-Identifier: Apache-2.0
"""The house rules of this tree, checked on its sources."""

import ast
import importlib
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

import maglev.messages
from maglev.messages import Message

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "actors" / "maglev"
LINES_MAX = 400
FUNCTION_LINES_MAX = 50

PURE = {"__future__", "bisect", "collections", "dataclasses", "enum", "functools", "heapq"}
PURE |= {"ipaddress", "itertools", "math", "operator", "typing", "xxhash", "maglev"}
# Who may import what: the one place of each library that is not everybody's business.
ONE_PLACE = {
    "zmq": ("bus/",),
    "maglev_pb2": ("rpc/", "clients/"),
    "vpp_papi": ("vpp/papi", "vpp/"),
    "msgspec.msgpack": ("bus/wire.py", "aggregator/files.py"),
    "msgspec.json": ("bus/wire.py", "aggregator/files.py"),
    "asyncio.create_task": ("runtime.py",),
}
ACTORS = ("prober", "aggregator", "programmer", "gateway", "watchdog")


def sources(under: Path = SOURCE) -> list[Path]:
    return sorted(path for path in under.rglob("*.py") if not path.stem.endswith("_pb2"))


def every_file() -> list[Path]:
    return [*sources(), *sources(ROOT / "tests"), *sources(ROOT / "bench")]


def imports(path: Path) -> Iterator[str]:
    """Yield the dotted names a file imports: `a.b` for `import a.b` and `from a import b`."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", every_file(), ids=name_of)
def test_no_file_is_longer_than_400_lines(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LINES_MAX


@pytest.mark.parametrize("path", sources(), ids=name_of)
def test_no_function_is_longer_than_50_lines(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            assert length <= FUNCTION_LINES_MAX, f"{path}:{node.lineno}: {node.name} has {length}"


@pytest.mark.parametrize("path", every_file(), ids=name_of)
def test_every_file_names_its_licence_first(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert not text or text.startswith("# SPDX-License-Identifier: Apache-2.0\n")


@pytest.mark.parametrize("path", sources(), ids=name_of)
def test_every_module_says_what_it_is(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert not text or ast.get_docstring(ast.parse(text)), f"{path} has no docstring"


@pytest.mark.parametrize("path", sources(SOURCE / "core"), ids=name_of)
def test_the_core_imports_nothing_impure(path: Path) -> None:
    for name in imports(path):
        assert name.split(".")[0] in PURE, f"{path} imports {name}"
        if name.startswith("maglev."):
            assert name.startswith(("maglev.core", "maglev.messages")), f"{path} imports {name}"


@pytest.mark.parametrize("path", sources(), ids=name_of)
def test_each_special_library_is_imported_in_its_one_place(path: Path) -> None:
    inside = str(path.relative_to(SOURCE))
    text = path.read_text(encoding="utf-8")
    for library, places in ONE_PLACE.items():
        used = re.search(rf"\b{re.escape(library)}\b", text) if "." in library else None
        used = used or any(library in name.split(".") for name in imports(path))
        assert not used or inside.startswith(places), f"{path} uses {library}"


@pytest.mark.parametrize("path", sources(), ids=name_of)
def test_no_actor_imports_an_actor_and_nobody_below_does(path: Path) -> None:
    inside = path.relative_to(SOURCE).parts[0].removesuffix(".py")
    for name in imports(path):
        parts = name.split(".")
        if parts[0] == "maglev" and len(parts) > 1 and parts[1] in ACTORS:
            assert parts[1] == inside, f"{path} imports {name}"


@pytest.mark.parametrize("path", sources(SOURCE / "core"), ids=name_of)
def test_every_core_file_has_its_test_file(path: Path) -> None:
    data_only = {"__init__.py", "settings.py"}
    mirror = ROOT / "tests" / "core" / f"test_{path.name}"
    assert path.name in data_only or mirror.exists(), f"{mirror} is missing"


def messages() -> list[type[Message]]:
    declared = (getattr(maglev.messages, name) for name in maglev.messages.__all__)
    return [one for one in declared if isinstance(one, type) and issubclass(one, Message)]


@pytest.mark.parametrize("message", messages(), ids=lambda one: one.__name__)
def test_every_message_says_what_it_means(message: type[Message]) -> None:
    assert message.__doc__
    assert len(message.__doc__) > 10


def contract(text: str, heading: str) -> set[str]:
    """Return the class names under a heading of an actor's docstring."""
    found = re.search(rf"^{heading}:(.*?)(?=^\w+:|\Z)", text, re.S | re.M)
    assert found, f"no '{heading}:' in the docstring"
    return {word for word in re.findall(r"\b[A-Z]\w+", found[1]) if word in maglev.messages.__all__}


@pytest.mark.parametrize(
    "where",
    [
        "aggregator.actor:Aggregator",
        "prober.actor:Prober",
        "programmer.actor:Programmer",
        "gateway.actor:Gateway",
        "watchdog:Watchdog",
    ],
)
def test_an_actors_docstring_names_exactly_what_it_hears_says_and_answers(where: str) -> None:
    module_name, _, class_name = where.partition(":")
    module = importlib.import_module(f"maglev.{module_name}")
    actor = getattr(module, class_name)
    text = module.__doc__ or ""
    for heading in ("Owns", "Crash"):
        assert re.search(rf"^{heading}:", text, re.M), f"{module_name}: no '{heading}:'"
    for heading in ("Hears", "Says", "Answers"):
        listed = {one.__name__ for one in getattr(actor, heading.lower())}
        assert contract(text, heading) == listed, f"{module_name}: {heading}"


def test_nothing_committed_names_a_package_registry() -> None:
    registries = "|".join(("pypi" + r"\.org", "registry" + r"\.npmjs", "deb" + r"\.debian\.org"))
    found = subprocess.run(
        ["git", "grep", "-nE", registries], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert found.stdout == ""
