"""The list of mutants has to keep up with the code that it mutates; running it is a script's."""

import ast

import pytest

from tests.robustness.mutants import MUTANTS, PACKAGE, ROOT, Mutant

pytestmark = pytest.mark.backend_free


def test_there_are_enough_and_each_is_different():
    assert len(MUTANTS) >= 40
    assert len(set(MUTANTS)) == len(MUTANTS)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: f"{mutant.file}-{mutant.text[:40]}")
def test_the_text_is_in_the_file_and_the_mutant_is_another_program(mutant):
    source = (ROOT / PACKAGE / mutant.file).read_text()
    assert source.count(mutant.text) == mutant.count > mutant.index
    mutated = mutant.apply(source)
    assert len(mutated) - len(source) == len(mutant.replacement) - len(mutant.text)
    assert ast.dump(ast.parse(mutated)) != ast.dump(ast.parse(source))


def test_which_of_several_places_is_replaced():
    assert Mutant("", "b", "X", 1, 3).apply("abcbdb") == "abcXdb"
