"""Finds the experiments: the modules and packages in a package with a `QUESTION` and a `run`.

They are parsed, not imported, so that a list of them is there at once, without TensorFlow.
"""

from __future__ import annotations

import ast
import difflib
import hashlib
import importlib.util
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[1]  # of the experiments
PACKAGE = "__init__.py"
CONSTANTS = ("QUESTION", "SYSTEMS", "CLAIMS", "TIMED")


class UnknownExperiment(LookupError):
    """A name that no experiment has."""


@dataclass(frozen=True)
class Experiment:
    """One experiment, as far as its source tells without running it.

    `timed` names the tables, or columns as `table.column`, that hold seconds: they differ from run
    to run, and want a machine that does nothing else. `has_data` says whether its settings leave a
    choice of data. `path` is its module, or the `__init__.py` of its package.
    """

    name: str
    title: str
    description: str
    question: str
    systems: tuple[str, ...]
    claims: tuple[str, ...]
    timed: tuple[str, ...]
    has_data: bool
    path: Path

    @property
    def folder(self) -> Path:
        """Of the package that it was found in."""
        return self.path.parents[1] if self.path.name == PACKAGE else self.path.parent

    def sources(self) -> list[Path]:
        """Its own module, or all modules of its package, in alphabetical order."""
        if self.path.name != PACKAGE:
            return [self.path]
        return sorted(self.path.parent.rglob("*.py"))


def discover(folder: Path = FOLDER) -> list[Experiment]:
    """All experiments of the package in `folder`, in alphabetical order."""
    modules = {path.stem: path for path in folder.glob("*.py") if path.name != PACKAGE}
    # Of a module and a package of one name Python imports the package.
    modules |= {path.parent.name: path for path in folder.glob(f"*/{PACKAGE}")}
    found = (_read(name, path) for name, path in sorted(modules.items()))
    return [experiment for experiment in found if experiment is not None]


def groups(experiments: Sequence[Experiment]) -> dict[str, list[str]]:
    """Names that stand for several experiments, each with theirs: the words that they begin with.

    The word is what stands before the first `_`; one experiment is no group, and its own name wins.
    """
    names = [experiment.name for experiment in experiments]
    found: dict[str, list[str]] = {}
    for name in names:
        word, underscore, _ = name.partition("_")
        if underscore and word not in names:
            found.setdefault(word, []).append(name)
    return {word: members for word, members in found.items() if len(members) > 1}


def choose(experiments: Sequence[Experiment], names: Iterable[str]) -> list[Experiment]:
    """The named experiments in the order of `experiments`; all of them if nothing is named.

    A name may also be that of a group, see `groups`.

    Raises:
        UnknownExperiment: If a name is unknown; the message suggests the nearest one.
    """
    named, of_group = set(names), groups(experiments)
    wanted = {member for name in named for member in of_group.get(name, [name])}
    known = [experiment.name for experiment in experiments]
    for name in sorted(wanted.difference(known)):
        near = difflib.get_close_matches(name, [*known, *of_group], n=1)
        hint = f"Did you mean '{near[0]}'?" if near else "--list shows all of them."
        raise UnknownExperiment(f"There is no experiment '{name}'. {hint}")
    return [experiment for experiment in experiments if not wanted or experiment.name in wanted]


def source_hash(experiment: Experiment) -> str:
    """A hash of all source that the outcome of `experiment` may depend on.

    That is its own, kerasreg's, and what the package shares, the runner too; not that of the other
    experiments.
    """
    folder = experiment.folder
    others = {
        path
        for other in discover(folder)
        if other.name != experiment.name
        for path in other.sources()
    }
    sources = {folder: sorted(set(folder.rglob("*.py")) - others)}
    library = importlib.util.find_spec("kerasreg")
    if library is not None and library.origin is not None:
        root = Path(library.origin).parent
        sources[root] = sorted(root.rglob("*.py"))
    digest = hashlib.sha256()
    for root, paths in sources.items():
        for path in paths:
            digest.update(f"{path.relative_to(root).as_posix()}\0".encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()


def _read(name: str, path: Path) -> Experiment | None:
    tree = ast.parse(path.read_text(encoding="utf-8"), filename=str(path))
    constants: dict[str, Any] = {}
    functions, has_data = set(), False
    for node in tree.body:
        match node:
            case ast.FunctionDef(name=function):
                functions.add(function)
            case ast.ClassDef(name="Settings", body=body):
                fields = [field.target for field in body if isinstance(field, ast.AnnAssign)]
                has_data = any(isinstance(f, ast.Name) and f.id == "data" for f in fields)
            case (
                ast.Assign(targets=[ast.Name(id=constant)])
                | ast.AnnAssign(target=ast.Name(id=constant))
            ) if constant in CONSTANTS and node.value is not None:
                constants[constant] = ast.literal_eval(node.value)
    if "QUESTION" not in constants or "run" not in functions:
        return None
    title, _, description = (ast.get_docstring(tree) or name).partition("\n\n")
    return Experiment(
        name=name,
        title=" ".join(title.split()).removesuffix("."),
        description=description.strip(),
        question=constants["QUESTION"],
        systems=tuple(constants.get("SYSTEMS", ())),
        claims=tuple(constants.get("CLAIMS", ())),
        timed=tuple(constants.get("TIMED", ())),
        has_data=has_data,
        path=path,
    )
