"""The broken variants fit the engine as it is now, and no rule is forgotten."""

import pytest

from tests.broken.__main__ import ROOT, functions_naming, put_in
from tests.broken.variants import RULES, VARIANTS, Variant


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda variant: f"{variant.rule} {variant.file}")
def test_a_variants_old_text_occurs_once(variant: Variant) -> None:
    """Else the engine has moved on, and the variant has to follow; the new text still is Python."""
    text = (ROOT / "include" / "groupsync" / variant.file).read_text(encoding="utf-8")
    assert text.count(variant.old) == 1
    compile(text.replace(variant.old, variant.new), variant.file, "exec")
    assert variant.old != variant.new
    assert variant.breaks.endswith(".")


def test_a_variant_that_does_not_fit_is_an_error(tmp_path) -> None:
    """It is never passed over."""
    (tmp_path / "include" / "groupsync").mkdir(parents=True)
    (tmp_path / "include" / "groupsync" / "a.py").write_text("twice = 1\ntwice = 1\n")
    for old in ("twice", "missing"):
        with pytest.raises(ValueError, match="times in a"):
            put_in(Variant("K1", "a.py", old, "x", "."), tmp_path)


def test_every_rule_has_a_variant() -> None:
    """Some have more than one, and none breaks what is no rule."""
    assert {variant.rule for variant in VARIANTS} == set(RULES)


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_is_named_by_a_test(rule: str) -> None:
    """In the folder of the rules."""
    assert [name for name in functions_naming(rule) if name.startswith("tests/rules/")], rule
