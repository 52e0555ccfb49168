"""Imports point one way: no circle, and nothing below knows of what is above it."""

import ast
import re
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

pytestmark = pytest.mark.backend_free


def modules(package):
    """The sources of a package by their dotted names."""
    found = {}
    for path in sorted((ROOT / package).rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imported(path, known):
    """The known modules that a source imports, wherever in it, also for its annotations alone."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            # `from package import module` as well as `from module import name`.
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            names = [name if name in known else node.module for name in names]
        else:
            continue
        yield from (name for name in names if name in known)


@pytest.mark.parametrize("package", ["kerasreg", "experiments"])
def test_no_module_imports_itself_by_way_of_others(package):
    known = modules(package)
    graph = {name: {*imported(path, known)} - {name} for name, path in known.items()}
    # The package names its modules, and they it: `kerasreg.regularizers` in a message, say.
    graph.pop(package)
    graph = {name: needs - {package} for name, needs in graph.items()}
    assert len([*TopologicalSorter(graph).static_order()]) == len(graph) > 20


def test_the_library_knows_nothing_of_experiments_and_tests():
    others = modules("experiments") | modules("tests")
    assert {*others} & {"experiments.runner", "tests.conftest"}
    for name, path in modules("kerasreg").items():
        assert not [*imported(path, others)], name


def rows():
    """The names in each row of the table in CONTRIBUTING, from the top."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    for line in text.splitlines():
        if line.startswith("| `"):
            paths = re.findall(r"`([^`]+)`", line.split("|")[1])
            paths = [
                p if p.startswith(("kerasreg", "exp", "tests")) else f"kerasreg/{p}" for p in paths
            ]
            yield [path.removesuffix(".py").rstrip("/").replace("/", ".") for path in paths]


def test_what_stands_lower_in_the_table_of_modules_imports_nothing_above_it():
    place = {name: at for at, row in enumerate(rows()) for name in row}

    def row_of(module):
        while module not in place:
            assert "." in module, "CONTRIBUTING says nothing of it"
            module = module.rpartition(".")[0]
        return place[module]

    known = modules("kerasreg")
    known.pop("kerasreg")
    for name, path in known.items():
        above = [each for each in imported(path, known) if row_of(each) < row_of(name)]
        assert not above, f"{name} imports {above}"
