"""Penalties and proximal optimizers where others build, copy and train the model."""

import keras
import numpy as np
import pytest
from keras import layers
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_iris
from sklearn.linear_model import Lasso
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from kerasreg.optimizers import ProximalAdam, ProximalSGD
from kerasreg.regularizers import ElasticNet, GroupLasso
from kerasreg.surgery import refit_support
from kerasreg.variables import values_of

X, Y = load_diabetes(return_X_y=True)
X, Y = StandardScaler().fit_transform(X)[:200].astype("float32"), Y[:200].astype("float32")
Y = (Y - Y.mean()) / Y.std()


def lasso(X, y, strength=0.2):  # noqa: N803 the wrappers call it so
    dense = layers.Dense(1, kernel_regularizer=ElasticNet(strength, l1_ratio=1.0))
    model = keras.Sequential([keras.Input(X.shape[1:]), dense])
    model.compile(ProximalSGD(0.1), "mse")
    return model


# Keras's wrappers lose `fit_kwargs` where scikit-learn clones them; arguments of `fit` arrive.
FIT = {"epochs": 60, "batch_size": 200, "verbose": 0}
PIPELINE_FIT = {f"sklearnregressor__{name}": value for name, value in FIT.items()}


def regressor(**settings):
    return keras.wrappers.SKLearnRegressor(lasso, model_kwargs=settings)


def reference_lasso(strength=0.2):
    # The mean squared error of Keras has no half.
    return Lasso(alpha=strength / 2, tol=1e-10)


def zeros(estimator):
    return np.flatnonzero(values_of(estimator.model_.layers[0].kernel) == 0).tolist()


def test_a_regressor_has_the_zeros_of_scikit_learn():
    estimator = regressor(strength=0.2).fit(X, Y, **FIT | {"epochs": 300})
    reference = reference_lasso().fit(X.astype("float64"), Y.astype("float64"))
    assert zeros(estimator) == np.flatnonzero(reference.coef_ == 0).tolist() != []
    np.testing.assert_allclose(
        np.ravel(values_of(estimator.model_.layers[0].kernel)), reference.coef_, atol=1e-5
    )


def test_clone_and_cross_validation_in_a_pipeline(capsys):
    pipeline = make_pipeline(StandardScaler(), regressor(strength=0.2))
    copied = clone(pipeline)
    assert copied[-1].get_params()["model_kwargs"] == {"strength": 0.2}
    x, y = X.astype("float64"), Y.astype("float64")
    scores = cross_val_score(pipeline, x, y, cv=2, params=PIPELINE_FIT)
    reference = make_pipeline(StandardScaler(), reference_lasso())
    np.testing.assert_allclose(scores, cross_val_score(reference, x, y, cv=2), atol=1e-3)


def test_a_search_over_strengths(capsys):
    pipeline = make_pipeline(StandardScaler(), regressor())
    grid = {"sklearnregressor__model_kwargs": [{"strength": s} for s in (0.05, 100.0)]}
    search = GridSearchCV(pipeline, grid, cv=2).fit(X, Y, **PIPELINE_FIT)
    assert search.best_params_["sklearnregressor__model_kwargs"] == {"strength": 0.05}
    nothing, something = search.cv_results_["mean_test_score"][::-1]
    assert nothing < 0.01 < something


def classifier(X, y, strength=0.01):  # noqa: N803
    hidden = layers.Dense(8, "relu", kernel_regularizer=GroupLasso(strength))
    model = keras.Sequential([keras.Input(X.shape[1:]), hidden, layers.Dense(3, "softmax")])
    model.compile(ProximalAdam(0.02), "categorical_crossentropy")
    return model


def test_a_classifier_and_its_refit(capsys):
    x, y = load_iris(return_X_y=True)
    x = StandardScaler().fit_transform(x).astype("float32")
    wrapped = keras.wrappers.SKLearnClassifier(classifier, model_kwargs={"strength": 0.05})
    fitted = clone(wrapped).fit(x, y, epochs=40, verbose=0)
    dead = (values_of(fitted.model_.layers[0].kernel) == 0).all(axis=0)
    assert 0 < dead.sum() < 8 and fitted.score(x, y) > 0.9
    refit_support(fitted.model_, x, np.eye(3)[y], epochs=2, verbose=0)
    assert (values_of(fitted.model_.layers[0].kernel) == 0).all(axis=0).tolist() == dead.tolist()
    assert fitted.score(x, y) > 0.9


@pytest.mark.parametrize("trained", [False, True])
def test_a_model_itself_is_wrapped(trained):
    model = lasso(X, Y)
    if trained:
        model.fit(X, Y, epochs=1, verbose=0)
    wrapped = keras.wrappers.SKLearnRegressor(model)
    reference = reference_lasso().fit(X.astype("float64"), Y.astype("float64"))
    expected = np.flatnonzero(reference.coef_ == 0).tolist()
    assert zeros(clone(wrapped).fit(X, Y, **FIT)) == expected
    assert zeros(wrapped.fit(X, Y, **FIT)) == expected


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # KerasTuner's own
# Keras says so of every optimizer that is not built yet; KerasTuner wants the weights.
@pytest.mark.filterwarnings("ignore:Skipping variable loading for optimizer:UserWarning")
def test_strengths_as_hyperparameters(tmp_path, capsys):
    keras_tuner = pytest.importorskip("keras_tuner")

    def build(hp):
        return lasso(X, Y, hp.Float("strength", 1e-3, 1.0, sampling="log"))

    tuner = keras_tuner.RandomSearch(
        build, "val_loss", max_trials=3, seed=0, directory=tmp_path, overwrite=True
    )
    tuner.search(X[:150], Y[:150], validation_data=(X[150:], Y[150:]), epochs=20, verbose=0)
    strength = tuner.get_best_hyperparameters()[0].get("strength")
    best = tuner.get_best_models()[0]
    assert best.layers[0].kernel_regularizer.strength == strength
    assert 1e-3 <= strength <= 1.0
