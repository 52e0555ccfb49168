"""Model files that somebody has made to do harm, or that are broken: an error, or harmless."""

import io
import json
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest

from kerasreg import optimizers, regularizers
from tests.robustness.altered_results import REPOSITORY

# Keras loads models alike on every backend.
pytestmark = pytest.mark.tensorflow


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
    kinds = [getattr(optimizers, name) for name in optimizers.__all__]
    kinds.remove(optimizers.ProximalOptimizer)
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
