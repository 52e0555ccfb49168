"""The classes of an outcome."""

import pytest
from fake_experiments import finding_on

pytestmark = pytest.mark.backend_free


def test_a_finding_has_one_of_three_verdicts():
    with pytest.raises(ValueError, match="Invalid value") as caught:
        finding_on("C1", "true", "")
    assert str(caught.value) == (
        "Invalid value for argument `verdict`: expected one of 'confirmed', 'qualified', "
        "'refuted'. Received: verdict='true'"
    )
