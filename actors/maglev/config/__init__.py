# SPDX-License-Identifier: Apache-2.0
"""The configuration file: text in, `Settings` or a list of faults out.

`load` (`read`, then `parse`; document.py) is the whole of it for others.  Inside, text becomes a
tree with lines (tree.py), the tree is read block by block (block.py, scalars.py, healthchecks.py,
frontends.py), and faults are collected with file, line and path (problems.py).
"""

from maglev.config.document import Loaded, load, parse, read
from maglev.config.problems import ConfigError, Problem

__all__ = ["ConfigError", "Loaded", "Problem", "load", "parse", "read"]
