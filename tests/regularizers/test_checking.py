"""`check_penalty`: silent on what is right, and the line that each wrong formula gets."""

import re

import pytest
from keras import ops, regularizers

from kerasreg.regularizers import (
    MCP,
    PENALTIES,
    ElasticNet,
    GroupLasso,
    check_penalty,
    soft_threshold,
)
from tests.regularizers.cases import ScaledLasso
from tests.regularizers.root_penalty import RootPenalty


@pytest.mark.parametrize("strength", [0.0, 0.01, 0.7])
@pytest.mark.parametrize("kind", PENALTIES, ids=lambda kind: kind.__name__)
def test_the_formulas_of_every_penalty_fit_each_other(kind, strength):
    check_penalty(kind(strength=strength))


@pytest.mark.parametrize(
    "regularizer",
    [
        regularizers.L1(0.1),
        regularizers.L2(0.1),
        regularizers.L1L2(0.2, 0.1),
        ElasticNet(0.5, l1_ratio=0.0),
        ElasticNet(0.5, l1_ratio=1.0),
        MCP(0.5, gamma=0.5),
        GroupLasso(0.3, groups="inputs"),
        ScaledLasso(0.5, scale=3.0),
        RootPenalty(0.5),
    ],
    ids=lambda regularizer: type(regularizer).__name__,
)
def test_other_penalties_pass(regularizer):
    check_penalty(regularizer, seed=1)


def test_what_has_no_prox_is_no_penalty():
    with pytest.raises(TypeError, match="No penalty is known for the regularizer"):
        check_penalty(regularizers.OrthogonalRegularizer())


class WrongSignOfSlope(ScaledLasso):
    def _slope(self, w, strength):
        return -super()._slope(w, strength)


class HalfTheValue(ScaledLasso):
    def _elementwise(self, w, strength):
        return super()._elementwise(w, strength) / 2


class LocalMinimum(MCP):
    """The firm threshold of the textbooks, which is the minimum only for steps below gamma."""

    def _prox(self, w, step_size, strength):
        shrunk = soft_threshold(w, step_size * strength) / (1 - step_size / self.gamma)
        return ops.where(ops.abs(w) <= self.gamma * strength, shrunk, w)


class LocalMinimumBetweenZeroAndW(MCP):
    """The same, so clipped that only its objective is wrong."""

    def _prox(self, w, step_size, strength):
        return ops.where(ops.abs(w) <= self.gamma * strength, 0.0 * w, w)


class OneStepForAll(ScaledLasso):
    def _prox(self, w, step_size, strength):
        return super()._prox(w, ops.mean(step_size), strength)


class PastWeights(ScaledLasso):
    def _prox(self, w, step_size, strength):
        return w - step_size * strength * self.scale * ops.sign(w)


class NeverZero(ScaledLasso):
    def _prox(self, w, step_size, strength):
        return super()._prox(w, step_size, strength) + 1e-3


class AlwaysShrinks(ScaledLasso):
    def _prox(self, w, step_size, strength):
        return 0.999 * super()._prox(w, step_size, strength)


class ForgottenSetting(ScaledLasso):
    def get_config(self):
        return {"strength": self.strength}


class UnknownSetting(ScaledLasso):
    def get_config(self):
        return {"strength": self.strength, "scala": self.scale}


class HalfTheLargestStrength(ScaledLasso):
    def _strength_max(self, grad):
        return super()._strength_max(grad) / 2


class PlainNumbersAlone(ScaledLasso):
    def _prox(self, w, step_size, strength):
        return super()._prox(w, step_size, strength if isinstance(strength, float) else 0.2)


class ValueAtNoStrength(ScaledLasso):
    def _elementwise(self, w, strength):
        return super()._elementwise(w, strength) + 0.1


class GroupsOfOneStep(GroupLasso):
    def _prox(self, w, step_size, strength):
        return super()._prox(w, ops.mean(step_size) + 0 * step_size, strength)


class LooseGroups(GroupLasso):
    def _prox(self, w, step_size, strength):
        return super()._prox(w, step_size, 0.5 * strength)


GLOBAL = r"prox is the global minimum of .*"
BROKEN = {
    WrongSignOfSlope: r"subdiff_distance is \|grad \+ slope of the value\|",
    HalfTheValue: r"subdiff_distance is \|grad \+ slope of the value\|",
    LocalMinimum: r"prox lies between zero and w|" + GLOBAL,
    LocalMinimumBetweenZeroAndW: GLOBAL,
    OneStepForAll: GLOBAL,
    PastWeights: r"prox lies between zero and w",
    NeverZero: r"prox lies between zero and w",
    AlwaysShrinks: r"subdiff_distance of \(prox - w\)/step_size is 0 at the prox|" + GLOBAL,
    ForgottenSetting: r"from_config\(get_config\(\)\) is the same penalty, with its `scale`",
    UnknownSetting: r"from_config\(get_config\(\)\) is the same penalty",
    HalfTheLargestStrength: r"strength_max is where w = 0 becomes stationary",
    PlainNumbersAlone: r"a strength may be a tensor",
    GroupsOfOneStep: GLOBAL,
    LooseGroups: r"subdiff_distance of \(prox - w\)/step_size is 0 at the prox|" + GLOBAL,
    ValueAtNoStrength: r"the value at strength 0 is 0",
}


@pytest.mark.parametrize("kind", BROKEN, ids=lambda kind: kind.__name__)
def test_a_wrong_formula_gets_a_line_that_says_which_law_it_breaks(kind):
    penalty = kind(0.5, scale=2.0) if issubclass(kind, ScaledLasso) else kind(0.5)
    with pytest.raises(ValueError) as error:
        check_penalty(penalty)
    line = str(error.value)
    assert "\n" not in line
    pattern = rf"{kind.__name__} breaks the law '({BROKEN[kind]})'.*: expected .*\. Received: .*"
    assert re.fullmatch(pattern, line), line


def test_the_line_says_where():
    with pytest.raises(ValueError) as error:
        check_penalty(HalfTheValue(1.0))
    assert all(f" {name}=" in str(error.value) for name in ("w", "grad", "strength"))
    with pytest.raises(ValueError) as error:
        check_penalty(OneStepForAll(1.0))
    assert all(f" {name}=" in str(error.value) for name in ("w", "step_size", "strength"))
