"""The loaders of what Keras downloads, on small files of the same form; nothing is downloaded."""

import gzip
import os
import subprocess
import sys

import keras
import numpy as np
import pytest

from kerasreg import datasets
from kerasreg.datasets.downloaded import ORIGIN

pytestmark = pytest.mark.backend_free

N, N_TEST = 100, 30


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Keras's folder for data sets, and no way to a network."""
    # Keras reads KERAS_HOME when it is imported, kerasreg when it has to name the folder.
    monkeypatch.setattr(keras.src.backend.config, "_KERAS_DIR", str(tmp_path))
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")  # a port that nothing listens on
    (tmp_path / "datasets" / "fashion-mnist").mkdir(parents=True)
    return tmp_path / "datasets"


def images(seed, n):
    random = np.random.default_rng(seed)
    return random.integers(0, 256, (n, 28, 28), np.uint8), np.arange(n, dtype=np.uint8) % 10


@pytest.fixture
def trusted(folder, monkeypatch):
    """The folder, whose files Keras takes as they are: ours do not have the right checksums."""
    for module in (keras.src.datasets.mnist, keras.src.datasets.imdb):
        monkeypatch.setattr(module, "get_file", lambda fname, **_: str(folder / fname))
    return folder


def write_mnist(folder):
    (x, y), (x_test, y_test) = images(0, N), images(1, N_TEST)
    np.savez(folder / "mnist.npz", x_train=x, y_train=y, x_test=x_test, y_test=y_test)


def write_fashion_mnist(folder):
    for part, (x, y) in {"train": images(0, N), "t10k": images(1, N_TEST)}.items():
        for kind, array, header in (("images-idx3", x, 16), ("labels-idx1", y, 8)):
            path = folder / "fashion-mnist" / f"{part}-{kind}-ubyte.gz"
            path.write_bytes(gzip.compress(bytes(header) + array.tobytes()))


@pytest.mark.parametrize(
    ("name", "write"), [("mnist", write_mnist), ("fashion_mnist", write_fashion_mnist)]
)
def test_images(trusted, name, write):
    write(trusted)
    data = datasets.load(name, seed=3)
    assert data.x_train.shape == (80, 784)
    assert data.x_validation.shape == (20, 784)
    assert data.x_train.dtype == np.float32
    assert data.y_train.dtype == np.int32
    assert data.feature_names[29] == "pixel_1_1"
    # The test part is the usual one, in its order; the others share the rest, each class alike.
    x, y = images(1, N_TEST)
    np.testing.assert_allclose(data.x_test * 255, x.reshape(N_TEST, 784), atol=1e-4)
    np.testing.assert_array_equal(data.y_test, y)
    both = np.concatenate([data.x_train, data.x_validation])
    rest = images(0, N)[0].reshape(N, 784) / np.float32(255)
    np.testing.assert_array_equal(both[np.lexsort(both.T)], rest[np.lexsort(rest.T)])
    assert np.bincount(data.y_validation).tolist() == [2] * 10
    again = datasets.load(name, seed=3)
    np.testing.assert_array_equal(again.x_train, data.x_train)
    assert (datasets.load(name, seed=4).x_train != data.x_train).any()


def test_reviews(trusted):
    # In the file a word is its rank, from 1 on.
    texts, labels = [[1, 2, 2], [3, 9], [2], [1, 3]], [0, 1, 1, 0]
    reviews = np.empty(4, dtype=object)
    reviews[:] = texts
    parts = {"x_train": reviews, "y_train": labels, "x_test": reviews, "y_test": labels}
    np.savez(trusted / "imdb.npz", **parts)
    data = datasets.imdb(n_words=3, validation=0.5)
    # Keras shuffles the reviews: each is known by its words.
    found = {
        (tuple(x), int(label))
        for which in ("train", "validation")
        for x, label in zip(getattr(data, f"x_{which}"), getattr(data, f"y_{which}"), strict=True)
    }
    assert found == {((1, 1, 0), 0), ((0, 0, 1), 1), ((0, 1, 0), 1), ((1, 0, 1), 0)}
    assert data.feature_names == ("word_1", "word_2", "word_3")


@pytest.mark.parametrize(
    ("load", "files", "place"),
    [
        (datasets.mnist, ["mnist.npz"], ""),
        (datasets.imdb, ["imdb.npz"], ""),
        (
            datasets.fashion_mnist,
            ["train-labels-idx1-ubyte.gz", "t10k-images-idx3-ubyte.gz"],
            "fashion-mnist",
        ),
    ],
)
def test_without_a_network_the_file_and_its_place_are_named(folder, load, files, place, capsys):
    with pytest.raises(FileNotFoundError) as raised:
        load()
    message = str(raised.value)
    assert "\n" not in message
    assert message.startswith(f"Cannot download {files[0]}")
    for file in files:
        assert f"{ORIGIN}{file}" in message
    assert message.endswith(f"has into '{folder / place}'.")


def test_a_broken_file_is_named(trusted):
    (trusted / "mnist.npz").write_bytes(b"no archive")
    with pytest.raises(OSError, match=r"^Cannot read mnist\.npz in .*Delete what is broken"):
        datasets.mnist()


def test_bad_arguments(trusted):
    write_mnist(trusted)
    with pytest.raises(ValueError) as raised:
        datasets.mnist(validation=0.99)
    assert str(raised.value) == (
        "Invalid value for argument `validation`: expected a share that leaves at least 10 of 100 "
        "samples in each part. Received: validation=0.99"
    )
    with pytest.raises(ValueError) as raised:
        datasets.imdb(n_words=0)
    assert "n_words" in str(raised.value)
    with pytest.raises(ValueError) as raised:
        datasets.load("minst")
    assert str(raised.value) == (
        "Invalid value for argument `name`: expected one of 'breast_cancer', 'diabetes', "
        "'digits', 'wine', 'mnist', 'fashion_mnist', 'imdb'. Received: name='minst'. Did you mean "
        "'mnist'?"
    )


def test_the_command_says_what_is_missing_before_it_runs_anything(tmp_path):
    environment = {**os.environ, "KERAS_HOME": str(tmp_path), "https_proxy": "http://127.0.0.1:9"}
    command = [sys.executable, "-m", "experiments", "--data", "mnist", "--out", str(tmp_path / "o")]
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert ran.returncode == 2
    assert ran.stderr.splitlines()[-1].startswith("Cannot download mnist.npz")
    assert not (tmp_path / "o").exists()
