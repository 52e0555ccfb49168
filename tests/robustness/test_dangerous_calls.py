"""Nothing in the package runs or imports what a file says: a search through its sources."""

import ast

import pytest

from tests.robustness.altered_results import REPOSITORY, SOURCES

FORBIDDEN_MODULES = {"pickle", "marshal", "shelve", "dill", "cloudpickle", "yaml", "runpy", "imp"}

FORBIDDEN_CALLS = {"eval", "exec", "compile", "__import__", "input"}

FORBIDDEN_NAMES = {"enable_unsafe_deserialization", "load_weights", "func_load"}

READERS = {"load", "read_array", "fromfile", "memmap"}  # of NumPy

DESERIALIZERS = {"load_model", "deserialize_keras_object", "SafeModeScope"}

#: What looks like one of these and is none: why.
ALLOWED = {
    ("kerasreg/__init__.py", "import_module(f'kerasreg.{name}')"): "name is one of a tuple above",
    (
        "experiments/runner/execution.py",
        "import_module(f'{package}.{experiment.name}')",
    ): "the name of a module's own file or folder in the package, found by parsing it",
    (
        "kerasreg/copies.py",
        "SafeModeScope(safe_mode=False)",
    ): "of a model that is alive in this process, from its own get_config: no file, no new code",
    (
        "kerasreg/surgery/rebuilding.py",
        "SafeModeScope(safe_mode=False)",
    ): "layers of a model that is alive in this process, from their own get_config",
}


def dangers(tree: ast.AST):
    """What in a program runs or imports what it is told to, as source."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            modules = [alias.name for alias in node.names]
            if isinstance(node, ast.ImportFrom):
                modules = [node.module or "", *modules]
            if any(name.partition(".")[0] in FORBIDDEN_MODULES for name in modules):
                yield ast.unparse(node)
        if isinstance(node, ast.Attribute | ast.Name):
            name = node.attr if isinstance(node, ast.Attribute) else node.id
            if name in FORBIDDEN_NAMES:
                yield ast.unparse(node)
        if isinstance(node, ast.Call):
            yield from dangerous_call(node)


def dangerous_call(node: ast.Call):
    owner = ""
    if isinstance(node.func, ast.Attribute):
        name, owner = node.func.attr, ast.unparse(node.func.value)
    else:
        name = ast.unparse(node.func)
    given = {keyword.arg: keyword.value for keyword in node.keywords}
    source = ast.unparse(node).replace("importlib.", "")

    def is_given(argument, value):
        return isinstance(given.get(argument), ast.Constant) and given[argument].value is value

    is_numpy = owner in ("np", "numpy", "np.lib.format", "numpy.lib.format")
    if (
        (not owner and name in FORBIDDEN_CALLS)
        or (owner == "builtins")
        or (name == "import_module" and not isinstance(node.args[0], ast.Constant))
        or (is_numpy and name in READERS and not is_given("allow_pickle", False))
        or (owner in ("joblib", "tf.saved_model", "torch") and name == "load")
        or (owner == "pd" and name in ("read_pickle", "read_hdf", "eval", "query"))
        or (name in DESERIALIZERS and "safe_mode" in given and not is_given("safe_mode", True))
        or (name == "SafeModeScope" and "safe_mode" not in given)
        or (owner == "os" and name in ("system", "popen"))
        or is_given("shell", True)
    ):
        yield source


@pytest.mark.backend_free
def test_nothing_runs_or_imports_what_a_file_says():
    found = {
        (path.relative_to(REPOSITORY).as_posix(), source)
        for path in SOURCES
        for source in dangers(ast.parse(path.read_text(encoding="utf-8")))
    }
    assert found == set(ALLOWED)


@pytest.mark.backend_free
@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "from pickle import loads",
        "from six.moves import cPickle as dill, pickle",
        "import yaml.loader",
        "eval(text)",
        "exec(text)",
        "compile(text, '', 'exec')",
        "__import__(name)",
        "importlib.import_module(name)",
        "import_module(f'kerasreg.{name}')",
        "np.load(file)",
        "np.load(file, allow_pickle=True)",
        "np.load(file, allow_pickle=allowed)",
        "np.lib.format.read_array(file)",
        "joblib.load(file)",
        "pd.read_pickle(file)",
        "keras.saving.load_model(file, safe_mode=False)",
        "load_model(file, safe_mode=mode)",
        "keras.saving.deserialize_keras_object(config, safe_mode=False)",
        "SafeModeScope(False)",
        "keras.config.enable_unsafe_deserialization()",
        "os.system(text)",
        "subprocess.run(text, shell=True)",
    ],
)
def test_the_search_finds(source):
    assert list(dangers(ast.parse(source)))


@pytest.mark.backend_free
@pytest.mark.parametrize(
    "source",
    [
        "model.compile('adam', 'mse')",
        "re.compile(text)",
        "np.load(file, allow_pickle=False)",
        "keras.saving.load_model(file)",
        "deserialize_keras_object(config, safe_mode=True)",
        "json.loads(text)",
        "ast.literal_eval(text)",
        "import_module('kerasreg.path')",
    ],
)
def test_the_search_leaves(source):
    assert not list(dangers(ast.parse(source)))
