"""Data sets: real ones, small or downloaded, and those that three teaching texts draw.

Four real ones come with scikit-learn, three Keras downloads; `load` finds them by name. The rest
is drawn: the data of *the lecture*, which teaches logistic regression from scratch, of *the
article*, on regularization with scikit-learn and Keras, and of *the note*, on linear regression
from scratch, dropout and early stopping. What these texts say about L1 and L2 is what the
experiments of this repository test.
"""

from kerasreg.datasets.bundled import breast_cancer, diabetes, digits, wine
from kerasreg.datasets.by_name import load
from kerasreg.datasets.downloaded import fashion_mnist, imdb, mnist
from kerasreg.datasets.drawn import (
    ArticleRegression,
    NoteLine,
    SparseLogistic,
    article_regression,
    note_line,
    sparse_logistic,
)
from kerasreg.datasets.parts import Dataset

__all__ = [
    "ArticleRegression",
    "Dataset",
    "NoteLine",
    "SparseLogistic",
    "article_regression",
    "breast_cancer",
    "diabetes",
    "digits",
    "fashion_mnist",
    "imdb",
    "load",
    "mnist",
    "note_line",
    "sparse_logistic",
    "wine",
]
