"""Larger data sets, which Keras downloads once and keeps in its folder.

Each keeps the test part that everybody reports on; the validation part is drawn from the rest.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np

from kerasreg.arguments import finite_float, seed_number, whole_number
from kerasreg.datasets.parts import Dataset, part_sizes, split_off

ORIGIN = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/"


def mnist(*, validation: float = 0.2, seed: int = 0) -> Dataset:
    """Handwritten digits: 70,000 images of 28 × 28 pixels, ten classes (`mnist.npz`, 11 MB).

    Pixels are scaled to [0, 1] and flattened row by row. The test part is the usual one of 10,000.

    Args:
        validation: Share of the 60,000 other samples for validation, between 0 and 1.
        seed: Seed of the split, an int >= 0.

    Returns:
        A `Dataset` with 784 features named `pixel_<row>_<column>`: by default 48,000 samples to
        train, 12,000 to validate and 10,000 to test.

    Raises:
        FileNotFoundError: If the file is not there and cannot be downloaded; the message says
            where to put it.
        OSError: If the file is broken, naming it.
        ValueError: If the share or the seed is out of range.

    Example:

    >>> kerasreg.datasets.mnist().x_train.shape
    (48000, 784)

    References:
        - LeCun, Bottou, Bengio & Haffner, Gradient-based learning applied to document recognition
          (1998).
    """
    return _images(keras.datasets.mnist.load_data, ["mnist.npz"], "", validation, seed)


def fashion_mnist(*, validation: float = 0.2, seed: int = 0) -> Dataset:
    """Pictures of clothes: 70,000 images of 28 × 28 pixels, ten classes (four files, 30 MB).

    Pixels are scaled to [0, 1] and flattened row by row. The test part is the usual one of 10,000.

    Args:
        validation: Share of the 60,000 other samples for validation, between 0 and 1.
        seed: Seed of the split, an int >= 0.

    Returns:
        A `Dataset` with 784 features named `pixel_<row>_<column>`: by default 48,000 samples to
        train, 12,000 to validate and 10,000 to test.

    Raises:
        FileNotFoundError: If a file is not there and cannot be downloaded; the message says where
            to put it.
        OSError: If a file is broken, naming it.
        ValueError: If the share or the seed is out of range.

    Example:

    >>> kerasreg.datasets.fashion_mnist().x_test.shape
    (10000, 784)

    References:
        - Xiao, Rasul & Vollgraf, Fashion-MNIST (arXiv:1708.07747), section 2.
    """
    files = [
        f"{part}-{kind}-ubyte.gz"
        for part in ("train", "t10k")
        for kind in ("labels-idx1", "images-idx3")
    ]
    load = keras.datasets.fashion_mnist.load_data
    return _images(load, files, "fashion-mnist", validation, seed)


def imdb(*, n_words: int = 1000, validation: float = 0.2, seed: int = 0) -> Dataset:
    """Film reviews: 50,000 texts (`imdb.npz`, 17 MB). A feature says whether a word occurs.

    Label 0 is a bad review, 1 a good one. The test part is the usual one of 25,000.

    Args:
        n_words: The most frequent words that become features, >= 1.
        validation: Share of the 25,000 other samples for validation, between 0 and 1.
        seed: Seed of the split, an int >= 0.

    Returns:
        A `Dataset` with `n_words` features of 0.0 and 1.0, named `word_<rank>`: by default 20,000
        samples to train, 5,000 to validate and 25,000 to test.

    Raises:
        FileNotFoundError: If the file is not there and cannot be downloaded; the message says
            where to put it.
        OSError: If the file is broken, naming it.
        ValueError: If a number is out of range.

    Example:

    >>> kerasreg.datasets.imdb(n_words=500).x_train.shape
    (20000, 500)

    References:
        - Maas, Daly, Pham, Huang, Ng & Potts, Learning word vectors for sentiment analysis (2011).
    """
    whole_number("n_words", n_words, minimum=1)
    # Keras adds 3 to a word's rank, which begins at 1: lower numbers stand for padding, the start
    # of a text and an unknown word.
    first = 4

    def load() -> Any:
        return keras.datasets.imdb.load_data(num_words=n_words + first)

    validation = _checked_share(validation, seed)
    (reviews, y), test = _downloaded(load, ["imdb.npz"], "")

    def occurrences(reviews: Any) -> np.ndarray:
        x = np.zeros((len(reviews), n_words), np.float32)
        for row, review in enumerate(reviews):
            words = np.asarray(review) - first
            x[row, words[words >= 0]] = 1
        return x

    names = tuple(f"word_{rank}" for rank in range(1, n_words + 1))
    return _parts(
        (occurrences(reviews), y), (occurrences(test[0]), test[1]), names, validation, seed
    )


def _images(
    load: Callable[[], Any], files: list[str], folder: str, validation: float, seed: int
) -> Dataset:
    validation = _checked_share(validation, seed)
    (x, y), (x_test, y_test) = _downloaded(load, files, folder)
    rows, columns = x.shape[1:]
    names = tuple(f"pixel_{row}_{column}" for row in range(rows) for column in range(columns))
    x, x_test = (part.reshape(len(part), -1) / np.float32(255) for part in (x, x_test))
    return _parts((x, y), (x_test, y_test), names, validation, seed)


def _checked_share(validation: Any, seed: Any) -> float:
    """Checks, before anything is downloaded, what is needed after it."""
    seed_number("seed", seed)
    return finite_float("validation", validation, minimum=0, maximum=1)


def _parts(
    other: tuple[Any, Any],
    test: tuple[Any, Any],
    names: tuple[str, ...],
    validation: float,
    seed: int,
) -> Dataset:
    (x, y), (x_test, y_test) = ((x, np.asarray(y, np.int32)) for x, y in (other, test))
    (n_validation,) = part_sizes(y, validation=validation)
    x, x_validation, y, y_validation = split_off(x, y, n_validation, seed)
    return Dataset(x, y, x_validation, y_validation, x_test, y_test, names)


def _downloaded(load: Callable[[], Any], files: list[str], folder: str) -> Any:
    """What `load` returns; where a file is missing or broken, an error that names the remedy."""
    # As Keras documents it; no public function tells.
    place = Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras", "datasets", folder)
    try:
        return load()
    except Exception as error:  # whatever a download or a broken file leads to
        missing = [file for file in files if not (place / file).is_file()]
        reason = " ".join(str(error).split())
        if missing:
            raise FileNotFoundError(
                f"Cannot download {', '.join(missing)}: {reason}. Put what "
                f"{' '.join(ORIGIN + file for file in missing)} has into '{place}'."
            ) from error
        raise OSError(
            f"Cannot read {', '.join(files)} in '{place}': {reason}. Delete what is broken; the "
            "next call downloads it again."
        ) from error
