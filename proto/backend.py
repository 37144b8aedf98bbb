# SPDX-License-Identifier: Apache-2.0
"""The build backend: setuptools, with the code for proto/ generated first.

Generated modules lie beside the sources (actors/maglev/rpc/maglev_pb2.py), where an editable
install finds them and a wheel takes them from; git ignores them.  `python proto/backend.py` only
generates.
"""

from __future__ import annotations

import sys
from importlib.resources import files
from pathlib import Path

from setuptools import build_meta
from setuptools.build_meta import *  # noqa: F403  (all the hooks that stay as they are)

ROOT = Path(__file__).parent.parent


def generate() -> None:
    """Write the modules of all .proto files, and their type stubs; RuntimeError if one is bad."""
    from grpc_tools import protoc  # only there when something is built

    command = ["protoc", f"-I{ROOT / 'proto'}", f"-I{files('grpc_tools') / '_proto'}"]
    command += [f"--python_out={ROOT / 'actors'}", f"--pyi_out={ROOT / 'actors'}"]
    sources = sorted(str(path) for path in (ROOT / "proto").rglob("*.proto"))
    if protoc.main([*command, *sources]) != 0:
        raise RuntimeError(f"protoc refused one of {', '.join(sources)}")


def build_wheel(directory, config_settings=None, metadata_directory=None):  # type: ignore[no-untyped-def]
    """Generate, then build a wheel (PEP 517)."""
    generate()
    return build_meta.build_wheel(directory, config_settings, metadata_directory)


def build_editable(directory, config_settings=None, metadata_directory=None):  # type: ignore[no-untyped-def]
    """Generate, then build an editable wheel (PEP 660)."""
    generate()
    return build_meta.build_editable(directory, config_settings, metadata_directory)


if __name__ == "__main__":
    sys.exit(generate())
