"""Every public name is described, and the examples of its docstring give what they say.

Examples may use what their module has, and `np`, `pd`, `keras` and `kerasreg`; a reader imports
these first.
"""

import dataclasses
import doctest
import importlib
import inspect
import pkgutil
import re

import keras
import numpy as np
import pandas as pd
import pytest

if keras.backend.backend() != "tensorflow":
    pytest.skip("some modules need TensorFlow", allow_module_level=True)

import kerasreg

# They need data of other servers.
DOWNLOADS = {f"kerasreg.datasets.downloaded.{name}" for name in ("mnist", "fashion_mnist", "imdb")}
MODULES = [getattr(kerasreg, name) for name in kerasreg.__all__ if name != "__version__"]
# What Keras calls, which its own documentation describes.
HOOK = re.compile(r"on_|from_config$")


def examples():
    for found in pkgutil.walk_packages(kerasreg.__path__, "kerasreg."):
        module = importlib.import_module(found.name)
        names = vars(module) | {"np": np, "pd": pd, "keras": keras, "kerasreg": kerasreg}
        yield from doctest.DocTestFinder(exclude_empty=True).find(module, found.name, globs=names)


def described(module):
    """The public classes and functions of a module, by name."""
    named = ((name, getattr(module, name)) for name in getattr(module, "__all__", ()))
    return [(name, it) for name, it in named if inspect.isclass(it) or inspect.isfunction(it)]


PUBLIC = [
    pytest.param(it, id=f"{module.__name__}.{name}")
    for module in MODULES
    for name, it in described(module)
]


def own_parameters(it):
    """What somebody who calls it may give, as far as it is not another class that says it."""
    if not inspect.isclass(it):
        return set(inspect.signature(it).parameters)
    if dataclasses.is_dataclass(it):
        return {field.name for field in dataclasses.fields(it)}
    own = vars(it).get("__init__")
    return set(inspect.signature(own).parameters) - {"self"} if own else set()


def names_in_section(docstring, section):
    """The names before the colons of a section, `x` and `y` of `x, y: Arrays` say."""
    found = re.search(
        rf"^ *{section}:\n((?:\n| +.*\n)*)", inspect.cleandoc(docstring), re.MULTILINE
    )
    if found is None:
        return set()
    entries = re.findall(r"^    ([\w*, ]+):", found[1], re.MULTILINE)
    return {name.strip(" *") for entry in entries for name in entry.split(",")}


@pytest.mark.parametrize(
    "example",
    [pytest.param(each, id=each.name) for each in examples() if each.examples],
)
def test_the_example_gives_what_it_says(example, tmp_path, monkeypatch):
    if example.name in DOWNLOADS:
        pytest.skip("needs data of another server")
    monkeypatch.chdir(tmp_path)
    keras.utils.set_random_seed(0)
    output = []
    failed, _ = doctest.DocTestRunner().run(example, out=output.append)
    assert not failed, "".join(output)


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__)
def test_a_module_says_what_it_is_for_and_what_is_public(module):
    assert module.__doc__
    assert module.__all__
    assert not [name for name in module.__all__ if inspect.ismodule(getattr(module, name))]


@pytest.mark.parametrize("it", PUBLIC)
def test_a_public_name_has_an_example(it):
    assert "\nExample:\n\n>>> " in inspect.cleandoc(it.__doc__ or "")


@pytest.mark.parametrize("it", PUBLIC)
def test_a_public_name_describes_its_arguments(it):
    assert own_parameters(it) <= names_in_section(it.__doc__ or "", "Args")


@pytest.mark.parametrize("it", [each for each in PUBLIC if inspect.isfunction(each.values[0])])
def test_a_public_function_says_what_it_returns(it):
    returns_nothing = "None" in str(inspect.signature(it).return_annotation)
    assert returns_nothing or "\nReturns:\n    " in inspect.cleandoc(it.__doc__ or "")


@pytest.mark.parametrize("it", [each for each in PUBLIC if inspect.isclass(each.values[0])])
def test_what_a_public_class_can_do_is_described(it):
    own = {name: each for name, each in vars(it).items() if not name.startswith("_")}
    methods = [name for name, each in own.items() if callable(getattr(each, "__func__", each))]
    properties = [name for name, each in own.items() if isinstance(each, property)]
    silent = [name for name in methods + properties if not vars(it)[name].__doc__]
    assert not [name for name in silent if not HOOK.match(name)]


def test_no_public_name_is_hidden_by_a_module():
    packages = [module for module in MODULES if hasattr(module, "__path__")]
    assert packages
    for package in packages:
        modules = {found.name for found in pkgutil.iter_modules(package.__path__)}
        assert not modules & set(package.__all__), package.__name__
