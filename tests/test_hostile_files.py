"""Files that somebody has made to do harm, or that are broken: refused in a line, or harmless.

A canary shows whether something ran: each payload would write to it. Models are loaded as a user of
kerasreg loads them, by `keras.saving.load_model`, whose safe mode nothing here may weaken.
"""

import ast
import html.parser
import io
import json
import os
import re
import subprocess
import sys
import urllib.parse
import zipfile
from pathlib import Path

import h5py
import keras
import numpy as np
import pandas as pd
import pytest
from bad_inputs import files, subjects
from bad_inputs.case import Case

import kerasreg
from experiments import ledger, report, runner, storage, verification
from experiments.discovery import Experiment
from experiments.outcome import Finding, Outcome, Spread
from kerasreg import optimizers, regularizers

REPOSITORY = Path(__file__).parents[1]
SOURCES = sorted(
    p for name in ("kerasreg", "experiments") for p in (REPOSITORY / name).rglob("*.py")
)

# What no file may lead to


FORBIDDEN_MODULES = {"pickle", "marshal", "shelve", "dill", "cloudpickle", "yaml", "runpy", "imp"}
FORBIDDEN_CALLS = {"eval", "exec", "compile", "__import__", "input"}
FORBIDDEN_NAMES = {"enable_unsafe_deserialization", "load_weights", "func_load"}
READERS = {"load", "read_array", "fromfile", "memmap"}  # of NumPy
DESERIALIZERS = {"load_model", "deserialize_keras_object", "SafeModeScope"}

#: What looks like one of these and is none: why.
ALLOWED = {
    ("kerasreg/__init__.py", "import_module(f'kerasreg.{name}')"): "name is one of a tuple above",
    (
        "experiments/execution.py",
        "import_module(f'{package}.{experiment.name}')",
    ): "the stem of a module's own file in the package, found by parsing it",
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


# Models


@pytest.fixture(scope="module")
def model_file(tmp_path_factory):
    """The members of a saved model with a penalty and a proximal optimizer, by name."""
    penalty = regularizers.MCP(0.1)
    layers = [keras.Input((3,)), keras.layers.Dense(2, kernel_regularizer=penalty, name="dense")]
    model = keras.Sequential(layers)
    model.compile(optimizers.ProximalAdam(1e-3), "mse")
    model.optimizer.build(model.trainable_variables)
    path = tmp_path_factory.mktemp("model") / "model.keras"
    model.save(path)
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.fixture
def canary(tmp_path, monkeypatch):
    """A path that only a payload makes a file; the working directory is below it."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    path = tmp_path / "canary"
    yield path
    assert not path.exists(), path.read_text()


def write_model(members, edit=lambda config: None, **other):
    config = json.loads(members["config.json"])
    edit(config)
    contents = {**members, "config.json": json.dumps(config).encode(), **other}
    with zipfile.ZipFile("model.keras", "w") as archive:
        for name, content in contents.items():
            archive.writestr(name, content)


def load():
    return keras.saving.load_model("model.keras")


def popen(canary):
    arguments = {"args": ["touch", str(canary)]}
    return {"module": "subprocess", "class_name": "Popen", "config": arguments}


def function(module, name):
    return {"module": module, "class_name": "function", "config": name, "registered_name": name}


def dense_of(config):
    return config["config"]["layers"][1]["config"]


def optimizer_of(config):
    return config["compile_config"]["optimizer"]


PLACES = {
    "a layer": lambda config, thing: config["config"]["layers"].append(thing),
    "an activation": lambda config, thing: dense_of(config).update(activation=thing),
    "a regularizer": lambda config, thing: dense_of(config).update(kernel_regularizer=thing),
    "an initializer": lambda config, thing: dense_of(config).update(kernel_initializer=thing),
    "within a regularizer of kerasreg": lambda config, thing: dense_of(config).update(
        kernel_regularizer={
            **dense_of(config)["kernel_regularizer"],
            "class_name": "KerasPenalty",
            "registered_name": "kerasreg>KerasPenalty",
            "config": {"regularizer": thing},
        }
    ),
    "an optimizer": lambda config, thing: config["compile_config"].update(optimizer=thing),
    "a learning rate": lambda config, thing: optimizer_of(config)["config"].update(
        learning_rate=thing
    ),
    "a loss": lambda config, thing: config["compile_config"].update(loss=thing),
    "the model": lambda config, thing: (config.clear(), config.update(thing)),
}
THINGS = {
    "subprocess.Popen": popen,
    "os.system": lambda canary: function("os", "system"),
    "eval": lambda canary: function("builtins", "eval"),
    "what kerasreg has not registered": lambda canary: {
        "module": "kerasreg.checkpoints",
        "class_name": "CheckpointFolder",
        "config": {"folder": str(canary), "description": {}},
    },
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("thing", THINGS)
def test_a_model_names_what_is_no_part_of_a_model(place, thing, model_file, canary):
    write_model(model_file, lambda config: PLACES[place](config, THINGS[thing](canary)))
    with pytest.raises((TypeError, ValueError), match="Could not"):
        load()


# Keras warns of a lambda when it saves it.
@pytest.mark.filterwarnings("ignore:The object being serialized includes a `lambda`")
def test_a_layer_brings_code(canary):
    code = keras.layers.Lambda(
        eval("lambda x: (open('../canary', 'a').close(), x)[1]", {}), output_shape=(3,)
    )
    keras.Sequential([keras.Input((3,)), code]).save("model.keras")
    canary.unlink(missing_ok=True)
    with pytest.raises(ValueError, match="lambda"):
        load()
    assert not canary.exists()
    # So the payload does run where somebody lets it.
    keras.saving.load_model("model.keras", safe_mode=False)(np.zeros((1, 3), "float32"))
    assert canary.exists()
    canary.unlink()


STRENGTHS = [-1, float("nan"), float("inf"), "0.1", None, [0.1], True, {"a": 1}, 10**400]


@pytest.mark.parametrize("strength", STRENGTHS, ids=lambda strength: str(strength)[:9])
def test_a_penalty_of_a_strength_that_is_none(strength, model_file, canary):
    write_model(
        model_file,
        lambda config: dense_of(config)["kernel_regularizer"]["config"].update(strength=strength),
    )
    with pytest.raises(TypeError) as raised:
        load()
    # Keras quotes the whole config before it.
    message = str(raised.value).rpartition("Exception encountered: ")[2]
    assert re.fullmatch(
        r"Invalid value for argument `strength`: expected a finite float >= 0\. "
        r"Received: strength=.{1,250}",
        message,
    )


ODD = {
    "a penalty with a setting that it has not": (
        lambda config: dense_of(config)["kernel_regularizer"]["config"].update(shell="x"),
        TypeError,
        "unexpected keyword argument 'shell'",
    ),
    "a penalty with a list for its settings": (
        lambda config: dense_of(config)["kernel_regularizer"].update(config=[1]),
        TypeError,
        "Expected 'config' to be a dict for MCP",
    ),
    "a layer for a penalty": (
        lambda config: PLACES["within a regularizer of kerasreg"](
            config, {"module": "keras.layers", "class_name": "Dense", "config": {"units": 2}}
        ),
        TypeError,
        "Invalid type for argument `regularizer`: expected an instance of keras.regularizers.L1",
    ),
    "a lambda for a strength": (
        lambda config: dense_of(config)["kernel_regularizer"]["config"].update(
            strength={"class_name": "__lambda__", "config": {"value": "4wAA"}}
        ),
        TypeError,
        "expected a finite float >= 0",
    ),
    "a lambda for a learning rate": (
        lambda config: PLACES["a learning rate"](
            config, {"class_name": "__lambda__", "config": {"value": ["4wAA", None, None]}}
        ),
        ValueError,
        "Requested the deserialization of a Python lambda",
    ),
    "a text for a learning rate": (
        lambda config: PLACES["a learning rate"](config, "fast"),
        ValueError,
        "Argument `learning_rate` should be float",
    ),
    "an optimizer with a setting that it has not": (
        lambda config: optimizer_of(config)["config"].update(shell="x"),
        ValueError,
        "Argument(s) not recognized: {'shell': 'x'}",
    ),
}


@pytest.mark.parametrize("case", ODD)
def test_a_model_with_odd_settings(case, model_file, canary):
    edit, error, message = ODD[case]
    write_model(model_file, edit)
    with pytest.raises(error, match=re.escape(message)):
        load()


def test_an_optimizer_is_looked_up_by_its_registered_name_alone(model_file, canary):
    write_model(
        model_file,
        lambda config: optimizer_of(config).update(module="subprocess", class_name="Popen"),
    )
    assert type(load().optimizer) is optimizers.ProximalAdam


def test_members_that_lead_out_of_the_archive(model_file, canary):
    outside = dict.fromkeys(("../canary", "assets/../../canary", str(canary)), b"x")
    write_model(model_file, **outside)
    with pytest.warns(UserWarning, match="Skipping invalid path during archive extraction"):
        load()
    assert sorted(os.listdir()) == ["model.keras"]


def altered_weights(members, alter):
    content = io.BytesIO(members["model.weights.h5"])
    with h5py.File(content, "a") as weights:
        del weights["layers/dense/vars/0"]
        alter(weights, "layers/dense/vars/0")
    return content.getvalue()


WEIGHTS = {
    "larger than the machine": (
        lambda file, name: file.create_dataset(name, (2**20, 2**20), "f4", chunks=(1024, 1024)),
        "shape bomb",
    ),
    "in a file of the reader's": (
        lambda file, name: file.create_dataset(name, (3, 2), "f4", external=[("secret", 0, 24)]),
        "Not allowed: H5 file with external Dataset",
    ),
    "behind a link": (
        lambda file, name: file.__setitem__(name, h5py.ExternalLink("secret", "w")),
        "Not allowed: H5 file with ExternalLink",
    ),
}


@pytest.mark.parametrize("case", WEIGHTS)
def test_weights_that_are_not_in_the_file(case, model_file, canary):
    alter, message = WEIGHTS[case]
    Path("secret").write_bytes(bytes(24))
    write_model(model_file, **{"model.weights.h5": altered_weights(model_file, alter)})
    with pytest.raises(ValueError, match=message):
        load()


def test_an_archive_that_claims_to_grow_without_end(model_file, canary):
    write_model(model_file)
    with zipfile.ZipFile("model.keras", "a") as archive:
        archive.writestr("assets/bomb", bytes(1000))
        archive.getinfo("assets/bomb").file_size = 2**30  # written when the archive is closed
    with pytest.raises(ValueError, match="potential decompression bomb"):
        load()


@pytest.mark.parametrize("size", [0, 4, 500, -1])
def test_a_model_that_is_cut_off(size, model_file, canary):
    write_model(model_file)
    whole = Path("model.keras").read_bytes()
    Path("model.keras").write_bytes(whole[:size])
    with pytest.raises(ValueError, match="Please ensure the file is an accessible"):
        load()


def test_weights_that_are_cut_off(model_file, canary):
    write_model(model_file, **{"model.weights.h5": model_file["model.weights.h5"][:500]})
    with pytest.raises(OSError, match="truncated file"):
        load()


def concrete(parent):
    return [
        kind
        for child in parent.__subclasses__()
        for kind in (child, *concrete(child))
        if kind.__module__.startswith("kerasreg.")
    ]


def test_the_files_of_kerasreg_itself_need_no_trust(tmp_path):
    layers = [
        keras.layers.Dense(
            4,
            kernel_regularizer=kind(0.25),
            name=f"layer_{number}",
        )
        for number, kind in enumerate(regularizers.PENALTIES)
        if kind is not regularizers.KLSparsity
    ]
    adapted = [regularizers.KerasPenalty(keras.regularizers.L1L2(0.1, 0.2))]
    adapted += [regularizers.gaussian_prior(1.0, 10), regularizers.laplace_prior(1.0, 10)]
    layers += [keras.layers.Dense(4, kernel_regularizer=each) for each in adapted]
    sparse = regularizers.KLSparsity(0.1, 0.2)
    layers.append(keras.layers.Dense(2, "sigmoid", activity_regularizer=sparse))
    keras.Sequential([keras.Input((4,)), *layers]).save(tmp_path / "penalties.keras")
    kinds = concrete(optimizers.ProximalOptimizer)
    assert len(kinds) >= 5
    for kind in kinds:
        dense = keras.layers.Dense(1, kernel_regularizer=regularizers.ElasticNet(0.1))
        model = keras.Sequential([keras.Input((4,)), dense])
        model.compile(kind(0.125), "mse")
        model.optimizer.build(model.trainable_variables)
        model.save(tmp_path / f"{kind.__name__}.keras")
    program = """
import sys
from pathlib import Path
import keras
import kerasreg
for path in sorted(Path(sys.argv[1]).glob("*.keras")):
    model = keras.saving.load_model(path, safe_mode=True)
    if model.compiled:
        print(type(model.optimizer).__name__, float(model.optimizer.learning_rate))
    else:
        held = [layer.kernel_regularizer or layer.activity_regularizer for layer in model.layers]
        print([(type(each).__name__, each.get_config()) for each in held])
"""
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)],
        capture_output=True,
        text=True,
        cwd=REPOSITORY,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    *lines, last = done.stdout.splitlines()
    assert lines == [f"{kind.__name__} 0.125" for kind in sorted(kinds, key=lambda k: k.__name__)]
    held = [layer.kernel_regularizer or layer.activity_regularizer for layer in layers]
    assert last == str([(type(each).__name__, each.get_config()) for each in held])


# Downloaded data


def test_a_data_set_that_is_a_pickle_is_not_opened(tmp_path, monkeypatch):
    """Keras reads them with pickles allowed, but checks what they are before."""

    def no_network(*_, **__):
        raise OSError("no network")

    place = tmp_path / "datasets"
    place.mkdir()
    monkeypatch.chdir(tmp_path)
    Path("canary").write_text("Nothing ran.")
    objects = np.array([files.Payload()], object)
    for name in ("mnist.npz", "imdb.npz"):
        np.savez(place / name, x_train=objects, y_train=objects, x_test=objects, y_test=objects)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setattr("keras.src.utils.file_utils.urlretrieve", no_network)
    monkeypatch.setattr("keras.src.utils.file_utils.config.keras_home", lambda: str(tmp_path))
    for name in ("mnist", "imdb"):
        with pytest.raises(OSError, match=r"Cannot (read|download)"):
            kerasreg.datasets.load(name)
    assert Path("canary").read_text() == "Nothing ran."


# Checkpoints


def files_below(folder):
    return {
        path: os.readlink(path) if path.is_symlink() else path.is_file() and path.read_bytes()
        for path in folder.rglob("*")
        if path.name != ".lock" or path.is_symlink()
    }


@pytest.mark.backend_free
@pytest.mark.parametrize("case", files.CASES, ids=lambda case: case.name)
def test_a_checkpoint_of_somebody_else(case: Case, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    case.before()
    before = files_below(tmp_path)
    with pytest.raises(case.error) as raised:
        case.call()
    assert type(raised.value) is case.error
    assert str(raised.value) == case.message
    assert files_below(tmp_path) == before
    assert Path("canary").read_text() == "Nothing ran."


@pytest.mark.backend_free
def test_the_payloads_of_these_cases_do_run_where_pickles_are_allowed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.load(io.BytesIO(files.OBJECTS), allow_pickle=True)
    assert Path("canary").read_text() == "It ran."


@pytest.mark.backend_free
def test_a_lock_that_is_another_name_of_a_file_leaves_that_file_alone(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    files.made()()
    os.link("canary", "run/.lock")
    files.opened()
    assert Path("canary").read_text() == "Nothing ran."


@pytest.mark.tensorflow
def test_a_path_refuses_the_checkpoint_of_somebody_else(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    settings = {"strengths": [0.1, 0.2], "checkpoint_dir": "run"}
    first = subjects.path(**settings).weights
    whole = Path("run/chunk_00000.npy").read_bytes()
    Path("canary").write_text("Nothing ran.")
    broken = "The checkpoint file 'run/chunk_00000.npy' {}"
    again = ". Delete it, and call again: this part of the run starts again"
    kind = "is of another kind: there is no array of numbers at byte "
    contents = {
        files.with_checksum(files.HEAD + files.OBJECTS): f"{kind}{len(files.HEAD)}{again}",
        whole[:-1]: f"is damaged: its checksum does not match its content{again}",
        b"": f"is damaged: its checksum does not match its content{again}",
    }
    for content, message in contents.items():
        Path("run/chunk_00000.npy").write_bytes(content)
        with pytest.raises(ValueError) as raised:
            subjects.path(**settings)
        assert str(raised.value) == broken.format(message)
    Path("run/chunk_00000.npy").write_bytes(whole)
    with pytest.raises(
        ValueError, match=r"^The checkpoint in 'run' belongs to another call: [^\n]*$"
    ):
        subjects.path(**{**settings, "strengths": [0.1, 0.3]})
    pd.testing.assert_frame_equal(subjects.path(**settings).weights, first)
    assert Path("canary").read_text() == "Nothing ran."


# Results


def write_result(out, name="a", statement="It grows."):
    spread = Spread.of("share", [0.5, 0.6])
    finding = Finding("C1", "confirmed", "A rule.", spread, {"n": 1}, statement)
    facts = {"experiment": name, "title": "Title", "description": "About.", "question": "Why?"}
    run = {
        "quick": False,
        "settings": {},
        "seeds": [0, 1],
        "backend": "tensorflow",
        "versions": {"keras": "3.15.1", "tensorflow": "2.21.0"},
        "device": {"cpu": "Some CPU", "cores": 2},
        "seconds": 12.3,
    }
    tables = {"t": pd.DataFrame({"seed": [0, 1], "word": ["x", "y"], "value": [0.5, 0.25]})}
    written = storage.as_files(Outcome(tables, {}), lambda tables: [finding], facts, run)
    storage.replace_folder(Path(out) / name, written)


def altered(path, keys, value):
    """Puts a value into a file of JSON, at the place that the keys lead to."""
    *way, last = keys
    whole = inner = json.loads(path.read_text())
    for key in way:
        inner = inner[key]
    inner[last] = value
    path.write_text(json.dumps(whole))


FIRST = ("findings", 0)
WRONG = [
    ("findings.json", ("findings",), {"a": 1}, "findings.json, findings is no list"),
    ("findings.json", ("findings",), [3], "findings.json, findings[0] is no mapping"),
    (
        "findings.json",
        (*FIRST, "claim"),
        3,
        "findings.json, findings[0], claim is of another type: 3",
    ),
    (
        "findings.json",
        (*FIRST, "verdict"),
        "<b>proven</b>",
        "findings.json, findings[0], verdict is none of confirmed, qualified, refuted",
    ),
    (
        "findings.json",
        (*FIRST, "decisive"),
        {},
        "findings.json, findings[0], decisive has no 'name'",
    ),
    (
        "findings.json",
        (*FIRST, "decisive", "n_runs"),
        "many",
        "findings.json, findings[0], decisive, n_runs is of another type: 'many'",
    ),
    (
        "findings.json",
        (*FIRST, "decisive", "n_runs"),
        True,
        "findings.json, findings[0], decisive, n_runs is of another type: True",
    ),
    ("findings.json", ("title",), None, "findings.json, title is of another type: None"),
    ("findings.json", ("title",), "\ud800", "'utf-8' codec can't encode character"),
    ("findings.json", ("experiment",), "b", "They are of an experiment of another name"),
    (
        "findings.json",
        ("experiment",),
        '"><script>alert(1)</script>',
        "They are of an experiment of another name",
    ),
    ("run.json", ("seconds",), "12", "run.json, seconds is of another type: '12'"),
    ("run.json", ("seconds",), 10**4000, "run.json, seconds is too large"),
    ("run.json", ("seeds",), ["0"], "run.json, seeds[0] is of another type: '0'"),
    ("run.json", ("versions",), {}, "run.json, versions has no 'keras'"),
    ("run.json", ("device",), [], "run.json, device is no mapping"),
    ("run.json", ("backend",), ["x"], "run.json, backend is of another type: ['x']"),
]


@pytest.mark.backend_free
@pytest.mark.parametrize(("name", "keys", "value", "message"), WRONG, ids=lambda x: str(x)[:30])
def test_results_of_the_wrong_form_are_named_in_one_line(name, keys, value, message, tmp_path):
    write_result(tmp_path)
    altered(tmp_path / "a" / name, keys, value)
    check_refused(tmp_path, message)


def check_refused(out, message):
    before = files_below(out)
    with pytest.raises(storage.CannotWrite) as raised:
        report.write_index(out)
    text = str(raised.value)
    assert text.startswith(f"Cannot read the results in '{out / 'a'}': {message}")
    assert text.endswith(". Delete the folder, and run `python -m experiments a`.")
    assert text.isprintable()
    assert len(text) < 600
    assert files_below(out) == before


NOT_JSON = {
    b"": "Expecting value",
    b'{"experiment": "a", "ti': "Unterminated string",
    b"\xff\xfe\x00": "'utf-",
    b"\x80abc": "'utf-8' codec can't decode",
    b"\x00\x01\x02\x03": "",
    b"[]": "",
    b"3": "",
    b"[" * 100_000: "Nested too deeply",
    b'{"a": ' + b"9" * 5000 + b"}": "Exceeds the limit",
}


@pytest.mark.backend_free
@pytest.mark.parametrize("name", ["findings.json", "run.json"])
@pytest.mark.parametrize(("content", "message"), NOT_JSON.items(), ids=lambda x: repr(x)[:20])
def test_results_that_are_no_json(name, content, message, tmp_path):
    write_result(tmp_path)
    (tmp_path / "a" / name).write_bytes(content)
    check_refused(tmp_path, message)


@pytest.mark.backend_free
def test_numbers_that_are_none_or_endless_are_shown_as_they_are(tmp_path):
    write_result(tmp_path)
    path = tmp_path / "a" / "findings.json"
    path.write_text(path.read_text().replace("0.55", "NaN").replace("0.6", "1e999"))
    altered(path, (*FIRST, "claim"), f"C{'9' * 5000}")
    altered(tmp_path / "a" / "run.json", ("seeds",), [0, 1, 10**15])  # no range of a petabyte
    report.write_index(tmp_path)
    page = (tmp_path / "README.md").read_text()
    assert "nan (0.5 to inf, 2 runs)" in page
    assert "seeds 0, 1, 1000000000000000" in page


HARMFUL = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "`<img src=x>``",
    "``<img src=x>`",
    "`",
    "x` <img src=x> `y",
    "`a\n\n<img src=x>`",
    "`a\n# <img src=x> `",
    "`a\r# <img src=x> `",
    "`a\n1. <img src=x> `",
    "`a\n___\n<img src=x> `",
    "\\`<img src=x>\\`",
    "\\<img src=x>",
    "\\\\<img src=x>",
    "[here](javascript:alert(1))",
    "![here](http://example.com/pixel.png)",
    "[here][1]\n\n[1]: http://example.com",
    "[1]: http://example.com",
    "<http://example.com>",
    "| --- |\n| <b>x</b> |",
    "</details></table><h1>",
    "```\n<img src=x>\n",
    "```html\n\n<img src=x>\n```",
    "&lt;img src=x&gt;",
    "<!-- ",
    "<![CDATA[<img>]]>",
    "$\\href{javascript:alert(1)}{x}$",
]


class Tags(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags, self.links = set(), set()

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        for name, value in attributes:
            assert name in ("id", "href", "src", "alt", "class", "style", "start"), (name, value)
            if name in ("href", "src"):
                self.links.add(value)

    def handle_comment(self, data):
        raise AssertionError(data)


def rendered(page):
    from markdown_it import MarkdownIt  # Keras's rich brings it along

    tags = Tags()
    tags.feed(MarkdownIt("commonmark", {"html": True}).enable("table").render(page))
    return tags


@pytest.mark.backend_free
@pytest.mark.parametrize("text", HARMFUL)
def test_texts_bring_no_tags_links_or_pictures_into_the_page(text, tmp_path):
    write_result(tmp_path)
    findings, run = tmp_path / "a" / "findings.json", tmp_path / "a" / "run.json"
    for key in ("title", "question", "description"):
        altered(findings, (key,), text)
    for key in ("claim", "rule", "statement"):
        altered(findings, (*FIRST, key), text)
    altered(findings, (*FIRST, "decisive", "name"), text)
    altered(findings, (*FIRST, "decisive", "median"), text)
    altered(findings, (*FIRST, "numbers"), {text: text, "n": [text]})
    altered(run, ("device",), {"cpu": text, "cores": text, "gpus": [text]})
    altered(run, ("versions",), {"keras": text})
    altered(run, ("backend",), text)
    stem = text.replace("/", "∕").replace("\n", "\x1b")
    for suffix in (".png", ".csv"):
        (tmp_path / "a" / f"{stem}{suffix}").write_text("a\n1\n")
    report.write_index(tmp_path)
    tags = rendered((tmp_path / "README.md").read_text())
    ours = {"h1", "h2", "p", "blockquote", "strong", "em", "code", "pre", "ul", "ol", "li", "hr"}
    ours |= {"table", "thead", "tbody", "tr", "th", "td", "a", "br", "sub", "details", "summary"}
    assert tags.tags <= ours | {"img"}
    files_there = {f"a/{name}" for name in os.listdir(tmp_path / "a")}
    links = {urllib.parse.unquote(link) for link in tags.links}
    assert links <= files_there | {"claims.csv", "#a"}


FORMULAS = ["=cmd|' /C calc'!A0", "+1+cmd", "-2+3", "@SUM(A1)", "\t=1", "\r=1", " =1"]


@pytest.mark.backend_free
@pytest.mark.parametrize("text", FORMULAS)
def test_a_spreadsheet_computes_nothing_of_the_ledger(text, tmp_path):
    write_result(tmp_path)
    findings = tmp_path / "a" / "findings.json"
    for key in ("claim", "rule", "statement"):
        altered(findings, (*FIRST, key), text)
    altered(findings, (*FIRST, "decisive", "name"), text)
    altered(findings, (*FIRST, "decisive", "least"), "-inf")
    report.write_index(tmp_path)
    row = pd.read_csv(tmp_path / ledger.FILE, dtype=str, keep_default_na=False).iloc[0]
    for name in ("claim", "number", "rule", "statement"):
        assert row[name] == f"'{text}".replace("\r", " "), name
    assert row["least"] == "-inf"


@pytest.mark.backend_free
def test_texts_that_are_no_formulas_stay():
    for text in ("L1 = zeros", "−1 is a number", "'quoted'", "-0.5", "-inf", "+3e5", ""):
        assert ledger._no_formula(text) == text
    assert ledger._no_formula(-0.5) == -0.5


THIS = Experiment("a", "Title", "", "Why?", (), (), ("t.value",), False, Path("a.py"))
BROKEN_TABLES = {
    "empty": (b"", "a/t.csv: cannot be read: No columns to parse from file"),
    "not UTF-8": (b"seed,word,value\n0,\xff\xfe,1\n", "a/t.csv: cannot be read: 'utf-8' codec"),
    "a row too long": (b"seed\n0\n1,2,3\n", "a/t.csv: cannot be read: Error tokenizing data"),
    "an open quote": (b'seed,word,value\n0,"x,1\n', "a/t.csv: cannot be read: "),
    "binary": (bytes(range(256)), "a/t.csv: "),
    "a picture": (b"\x89PNG\r\n\x1a\n" + bytes(50), "a/t.csv: "),
    "one column": (b"seed\n0\n1\n", "a/t.csv: columns were seed, are seed, word"),
    "half a row": (b"seed,word,value\n0,x", "a/t.csv: rows were 1, are 2"),
    "endless": (b"seed,word,value\n0,x,1\n1e999,y,1\n", "a/t.csv: column seed differs in 1 of 2"),
    "huge": (
        b"seed,word,value\n0,x,1\n" + b"9" * 5000 + b",y,1\n",
        "a/t.csv: column seed differs",
    ),
    "texts": (b"seed,word,value\nzero,x,1\none,y,1\n", "a/t.csv: column seed differs in 2 of 2"),
    "a formula": (
        b"seed,word,value\n0,=cmd|' /C calc'!A0,1\n1,y,1\n",
        "a/t.csv: column word differs in 1 of 2 rows, first in row 1: was =cmd",
    ),
    "what a terminal would obey": (
        b"seed,word,value\n0,\x1b]0;title\x07,1\n1,y,1\n",
        "a/t.csv: column word differs in 1 of 2 rows, first in row 1: was �]0;title�, is x",
    ),
    "a name that a terminal would obey": (
        b"seed,\x1b[2J,value\n0,x,1\n1,y,1\n",
        "a/t.csv: columns were seed, �[2J, are seed, word",
    ),
}


@pytest.mark.backend_free
@pytest.mark.parametrize("case", BROKEN_TABLES)
def test_verifying_against_a_broken_table_is_one_line(case, tmp_path):
    content, message = BROKEN_TABLES[case]
    for folder in ("old", "new"):
        write_result(tmp_path / folder)
    (tmp_path / "old" / "a" / "t.csv").write_bytes(content)
    lines = list(verification.differences(THIS, tmp_path / "old", tmp_path / "new"))
    assert len(lines) == 1
    assert lines[0].startswith(message)
    assert lines[0].isprintable()
    assert len(lines[0]) < 600


@pytest.mark.backend_free
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "it has no 'findings.json'"),
        *((content, message) for content, message in NOT_JSON.items()),
        (b"{}", "it has no 'findings'"),
        (b'{"findings": [{}]}', "it has no 'claim'"),
        (b'{"findings": 3}', ""),
    ],
    ids=lambda x: repr(x)[:20],
)
def test_verifying_against_broken_findings_is_one_line(content, message, tmp_path):
    for folder in ("old", "new"):
        write_result(tmp_path / folder)
    path = tmp_path / "old" / "a" / "findings.json"
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    lines = list(verification.differences(THIS, tmp_path / "old", tmp_path / "new"))
    assert len(lines) == 1
    assert lines[0].startswith(f"a/findings.json: cannot be read: {message}")
    assert lines[0].isprintable()


@pytest.mark.backend_free
@pytest.mark.parametrize(
    "content", [b"[]", b"3", b"{", b"[" * 100_000, b"\xff"], ids=lambda c: repr(c)[:12]
)
def test_a_broken_run_json_is_replaced(content, tmp_path):
    write_result(tmp_path)
    path = tmp_path / "a" / "run.json"
    whole = path.read_bytes()
    path.write_bytes(content)
    write_result(tmp_path)
    assert path.read_bytes() == whole


@pytest.mark.backend_free
def test_what_dead_runs_seem_to_have_left_leads_nowhere_else(tmp_path):
    out, elsewhere = tmp_path / "out", tmp_path / "elsewhere"
    for folder in (out, elsewhere):
        folder.mkdir()
    (elsewhere / "thesis.tex").write_text("text")
    dead = 2**22 + 1  # beyond the largest number that Linux gives
    (out / f".a.{dead}.tmp").symlink_to(elsewhere)
    (out / f".b.{'9' * 30}.tmp").mkdir()
    (out / f"....{dead}.old").mkdir()
    (out / "a").symlink_to(elsewhere)
    (out / f".a.{dead}.old").symlink_to(elsewhere)
    storage.clean_up(out)
    assert os.listdir(out) == ["a"]
    write_result(out)
    assert not (out / "a").is_symlink()
    storage.clean_up(out)
    assert (elsewhere / "thesis.tex").read_text() == "text"


@pytest.mark.backend_free
@pytest.mark.parametrize(
    "content",
    [b"", b"[1]", b"{", b"\xff", b"[" * 100_000, b'{"a": [1], "../b": "x"}'],
    ids=lambda content: repr(content)[:12],
)
def test_a_broken_record_of_progress_is_started_anew(content, tmp_path):
    (tmp_path / ".progress.json").write_bytes(content)
    unfinished = runner.UnfinishedRun(tmp_path)
    assert not unfinished.has("a", "mark")
    unfinished.add("a", "mark")
    assert json.loads((tmp_path / ".progress.json").read_text())["a"] == "mark"
    assert os.listdir(tmp_path) == [".progress.json"]


@pytest.mark.backend_free
def test_files_of_results_that_are_none_are_left_out(tmp_path):
    write_result(tmp_path)
    os.mkfifo(tmp_path / "a" / "pipe.csv")
    (tmp_path / "a" / "endless.csv").symlink_to("/dev/zero")
    (tmp_path / "a" / "folder.png").mkdir()
    report.write_index(tmp_path)
    page = (tmp_path / "README.md").read_text()
    assert "Tables: [t.csv](a/t.csv) (2 rows). Numbers" in page
    assert "folder" not in page


# TensorBoard


@pytest.mark.backend_free
def test_tensorboard_is_for_this_machine_alone():
    paths = [REPOSITORY / name for name in ("Makefile", "README.md", "pyproject.toml")]
    paths += [*SOURCES, *(REPOSITORY / ".ci").rglob("*"), *(REPOSITORY / "tests/browser").glob("*")]
    started = []
    for path in paths:
        if not path.is_file() or path.suffix in (".png", ".pyc"):
            continue
        text = path.read_text(encoding="utf-8")
        assert "bind_all" not in text, path
        assert "0.0.0.0" not in text, path
        # What stands before --logdir starts it; its own default is the loopback address.
        for line in text.splitlines():
            if re.search(r"tensorboard\S* .*--logdir", line):
                hosts = re.findall(r"--host[ =](\S+)", line)
                assert hosts in ([], ["127.0.0.1"]), line
                started.append((path.name, hosts))
    assert ("Makefile", ["127.0.0.1"]) in started
    assert ("README.md", ["127.0.0.1"]) in started
