"""The figure of singular spectra: where its lines stand, and which frames are refused."""

import numpy as np
import pandas as pd
import pytest

from labkit import figures

RANDOM = np.random.default_rng(0)
MATRICES = {"tall": RANDOM.normal(size=(9, 4)), "wide": RANDOM.normal(size=(5, 30))}


def singular_values():
    return pd.DataFrame({name: pd.Series(np.linalg.svd(matrix, compute_uv=False)) for name, matrix in MATRICES.items()})


def by_name(figure):
    return {trace.name: trace for trace in figure.data}


def test_what_is_lost_is_the_error_of_the_best_approximation():
    drawn = by_name(figures.spectra(singular_values(), what="lost"))
    for name, matrix in MATRICES.items():
        u, s, v = np.linalg.svd(matrix, full_matrices=False)
        errors = [np.linalg.norm(matrix - (u[:, :r] * s[:r]) @ v[:r]) ** 2 for r in range(len(s) + 1)]
        np.testing.assert_allclose(drawn[name].y, 100 * np.array(errors) / np.linalg.norm(matrix) ** 2, atol=1e-9)
        np.testing.assert_array_equal(drawn[name].x, range(len(s) + 1))


def test_values_are_shares_of_the_frobenius_norm():
    drawn = by_name(figures.spectra(singular_values()))
    for name, matrix in MATRICES.items():
        np.testing.assert_allclose((drawn[name].y ** 2).sum(), 100**2)
        np.testing.assert_allclose(drawn[name].y[0], 100 * np.linalg.norm(matrix, 2) / np.linalg.norm(matrix))
        assert drawn[name].x[0] == 1


def test_the_scale_of_a_matrix_does_not_matter():
    values = singular_values()
    for what in ("values", "lost"):
        one, other = (figures.spectra(frame, what=what).data[1].y for frame in (values, 7 * values))
        np.testing.assert_allclose(one, other)


def test_guides_are_dashed_and_keep_no_colour_from_the_others():
    plain, guided = (figures.spectra(singular_values(), guides=guides) for guides in ((), ("tall",)))
    assert [trace.line.dash for trace in guided.data] == ["dot", None]
    assert guided.data[1].line.color == plain.data[0].line.color


@pytest.mark.parametrize(
    ("column", "options", "message"),
    [
        ([2.0, 1.0], {"what": "energy"}, "values, lost"),
        ([2.0, 1.0], {"guides": ["random"]}, r"columns of the frame \(W\), got 'random'"),
        ([1.0, 2.0], {}, "the largest first"),
        ([1.0, -1.0], {}, "none negative"),
        ([0.0, 0.0], {}, "not all zero"),
        ([np.nan, np.nan], {}, "W must hold singular values"),
    ],
)
def test_other_frames_are_refused(column, options, message):
    with pytest.raises(ValueError, match=message):
        figures.spectra(pd.DataFrame({"W": column}), **options)
