from __future__ import annotations

import time

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from likeness.studio.deform import apply_expression
from likeness.studio.expressions import ARKIT_NAMES, INDEX, build_expressions
from likeness.studio.measures import MEASURES
from likeness.studio.person import Person
from likeness.studio.principal import principal_columns
from likeness.studio.shape_space import build_shape_space, describe_columns
from likeness.studio.template import build_template


@pytest.fixture(scope="module")
def template():
    return build_template("low")


@pytest.fixture(scope="module")
def space(template):
    return build_shape_space(template, num_heads=300, num_shape=60)


def test_principal_columns_do_not_depend_on_the_threads_of_a_machine():
    samples = np.random.default_rng(7).standard_normal((400, 3000)).astype(np.float32)
    found = []
    for threads in (1, 2):
        with threadpool_limits(limits=threads):
            found.append(principal_columns(samples, 100))
    np.testing.assert_array_equal(*found)


def test_principal_columns_match_a_full_decomposition():
    rng = np.random.default_rng(0)
    samples = rng.standard_normal((200, 40)) @ (
        np.diag(0.8 ** np.arange(40)) @ rng.standard_normal((40, 900))
    )
    samples = (samples - samples.mean(axis=0)).astype(np.float32)
    found = principal_columns(samples, 12)
    _, sizes, directions = np.linalg.svd(samples.astype(np.float64), full_matrices=False)
    wanted = sizes[:12, None] / np.sqrt(199) * directions[:12]
    signs = np.sign((found * wanted).sum(axis=1))
    np.testing.assert_allclose(found, signs[:, None] * wanted, atol=2e-3 * np.abs(wanted).max())
    np.testing.assert_array_equal(found, principal_columns(samples, 12))


def test_columns_beyond_the_rank_are_zero():
    rng = np.random.default_rng(1)
    samples = rng.standard_normal((5, 30)).astype(np.float32)
    columns = principal_columns(samples - samples.mean(axis=0), 8)
    assert columns.shape == (8, 30)
    assert np.abs(columns[5:]).max() == 0.0


def test_columns_are_orthogonal_and_descend(space):
    columns = space.shape.reshape(-1, 60).astype(np.float64)
    products = columns.T @ columns
    sizes = np.sqrt(np.diag(products))
    assert (np.diff(sizes) < 1e-3 * sizes[0]).all()
    cosines = products / sizes / sizes[:, None]
    assert np.abs(cosines - np.eye(60)).max() < 1e-3


def test_a_coefficient_is_a_standard_deviation(template, space):
    """Persons the space has not seen spread by about 1 along the first columns."""
    coefficients = np.array(
        [space.project(Person.sample(seed).rest_vertices(template))[0] for seed in range(150)]
    )
    assert np.abs(coefficients[:, :10].mean(axis=0)).max() < 0.4
    assert coefficients[:, :10].std(axis=0).min() > 0.75
    assert coefficients[:, :10].std(axis=0).max() < 1.3


def test_projection_inverts_the_space(space):
    wanted = np.random.default_rng(2).standard_normal(60)
    found, residual = space.project(space.mean + space.shape @ wanted)
    np.testing.assert_allclose(found, wanted, atol=2e-3)
    assert residual < 1e-3


def test_what_the_space_misses_is_small(template, space):
    for seed in range(20):
        assert space.project(Person.sample(seed).rest_vertices(template))[1] < 0.6


def test_expression_columns_begin_with_the_52_rows(template, space):
    assert space.expression.shape == (template.num_vertices, 3, 100)
    assert space.expression_names[:52] == ARKIT_NAMES
    assert len(set(space.expression_names)) == 100
    rows = build_expressions(template)
    np.testing.assert_allclose(space.expression[:, :, :52], np.moveaxis(rows, 0, 2), atol=1e-5)


def test_pair_columns_explain_what_the_rows_alone_do_not(template, space):
    rest = space.mean.astype(np.float64)
    weights = np.zeros(52)
    weights[[INDEX["mouthPressLeft"], INDEX["mouthSmileLeft"], INDEX["mouthRollLower"]]] = 0.7
    beyond = apply_expression(template, rest, weights) - rest
    beyond -= np.tensordot(weights, build_expressions(template), axes=1)
    beyond[template.of("eyeball_left", "eyeball_right")] = 0.0
    columns = space.expression[:, :, 52:].reshape(-1, 48).astype(np.float64)
    used = columns[:, np.abs(columns).max(axis=0) > 0.0]
    left = beyond.ravel() - used @ np.linalg.lstsq(used, beyond.ravel(), rcond=None)[0]
    assert np.linalg.norm(left) < 0.7 * np.linalg.norm(beyond)


def test_columns_are_described_in_millimetres(template, space):
    described = describe_columns(template, space)
    assert len(described) == 60
    assert set(described[0]) == set(MEASURES)
    assert abs(described[0]["head_length"]) > 2.0  # the first column is overall size


def test_processes_that_draw_change_nothing(template):
    alone, shared = (
        build_shape_space.__wrapped__(template, num_heads=101, num_shape=8, workers=workers)
        for workers in (1, 2)
    )
    np.testing.assert_array_equal(shared.mean, alone.mean)
    np.testing.assert_array_equal(shared.shape, alone.shape)


def test_more_columns_than_heads_are_refused(template):
    with pytest.raises(ValueError, match="60 columns need more heads than 50"):
        build_shape_space(template, num_heads=50, num_shape=60)


@pytest.mark.slow
def test_the_full_space_is_built_within_a_minute_and_holds_everyone():
    template = build_template()
    start = time.process_time()
    space = build_shape_space(template)
    assert time.process_time() - start < 60.0
    assert space.shape.shape == (template.num_vertices, 3, 300)
    residuals = [
        space.project(Person.sample(seed).rest_vertices(template))[1] for seed in range(100)
    ]
    assert max(residuals) < 0.2
