from __future__ import annotations

from likeness.report.sections import verdict


def test_a_baseline_next_to_nothing_makes_no_percents() -> None:
    row = {"name": "jitter", "value": 0.19, "baseline": 1.5e-9, "direction": "lower"}
    assert "%" not in verdict(row)
    assert "worse" in verdict(row)
    assert "+900 %" in verdict({**row, "baseline": 0.019})
