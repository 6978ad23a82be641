"""Reconstruction errors against scikit-learn's components; what they see that no feature shows alone; odd inputs."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter

import numpy as np
import pyarrow as pa
import pytest
from sklearn.decomposition import PCA
from sklearn.impute import SimpleImputer
from sklearn.preprocessing import StandardScaler

from choirmaster.drift.components import centre, components_kept, correlation, eigen
from choirmaster.engines.compile import compiled
from choirmaster.engines.rowscores import fit_row_scores
from choirmaster.layout import Layout, Output, SeriesSpec, Task
from choirmaster.metrics import BY_NAME, evaluate
from choirmaster.states import RowScores
from choirmaster.states.rowscore import score_rows
from choirmaster.values import Reason, Value

N = 2_000


def layout_of(numeric: int, categorical: int = 0) -> Layout:
    return Layout(Task.REGRESSION, (SeriesSpec("a", Output.VALUE),), numeric=tuple(f"n{k}" for k in range(numeric)),
                  categorical=tuple(f"c{k}" for k in range(categorical)))  # fmt: skip


def batch_of(numbers: np.ndarray, texts: np.ndarray | None = None) -> pa.RecordBatch:
    columns: dict[str, pa.Array] = {f"x.n{k}": pa.array(one) for k, one in enumerate(numbers.T)}
    if texts is not None:
        columns |= {f"x.c{k}": pa.array(one.tolist(), pa.string()).dictionary_encode() for k, one in enumerate(texts.T)}
    return pa.record_batch(columns)


def correlated(rng: np.random.Generator, n: int, p: int) -> np.ndarray:
    mixed = rng.normal(size=(n, p)) @ np.random.default_rng(p).normal(size=(p, p))
    return mixed * 10.0 ** np.arange(p % 7 - 3, p % 7 - 3 + p) + 5.0


def read(name: str, state: RowScores, reference: RowScores | None = None) -> Value:
    return evaluate(BY_NAME[name], state, reference)


def by_scikit(fit: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Return the errors as NannyML's chain of steps gives them; without columns that do not vary."""
    varied = np.nanstd(fit, axis=0) > 0
    impute, scale = SimpleImputer(), StandardScaler()
    z = scale.fit_transform(impute.fit_transform(fit[:, varied]))
    found = PCA(n_components=0.65, svd_solver="full").fit(z)
    there = scale.transform(impute.transform(rows[:, varied]))
    return np.linalg.norm(there - found.inverse_transform(found.transform(there)), axis=1)


@pytest.mark.parametrize("p", [2, 3, 8, 25])
@pytest.mark.parametrize("missing", [0.0, 0.1])
def test_errors_are_those_of_scikit_learn(p: int, missing: float) -> None:
    rng = np.random.default_rng(p)
    x = correlated(rng, N, p)
    if p == 2:
        x[:, 1] += 30 * x[:, 0]  # so that one component is enough
    x = np.column_stack([x, np.full(N, 7.0)])  # a column that does not vary
    x[rng.random(x.shape) < missing] = np.nan
    part, state = fit_row_scores(batch_of(x), layout_of(p + 1), compiled())
    expected = by_scikit(x[::2], x[1::2])
    there = ~np.isnan(x[1::2, :p]).all(axis=1)
    assert part.numeric == tuple(f"n{k}" for k in range(p))
    found = score_rows(part, x[1::2, :p], compiled())
    np.testing.assert_allclose(found[there], expected[there], rtol=1e-6, atol=1e-7)
    assert np.isnan(found[~there]).all()
    assert state.n == there.sum()
    value = read("reconstruction_error", state)
    assert value.number == pytest.approx(expected[there].mean(), rel=1e-6)
    half = 1.959963984540054 * expected[there].std(ddof=1) / there.sum() ** 0.5
    assert value.upper == pytest.approx(value.number + half, rel=1e-6)


def test_categories_count_by_their_share() -> None:
    rng = np.random.default_rng(1)
    x = correlated(rng, N, 3)
    texts = rng.choice(["a", "b", "c", "d"], (N, 2), p=[0.5, 0.3, 0.15, 0.05]).astype(object)
    texts[:, 1] = np.where(rng.random(N) < 0.8, texts[:, 0], texts[:, 1])
    part, _ = fit_row_scores(batch_of(x, texts), layout_of(3, 2), compiled())
    counts = [Counter(texts[::2, k]) for k in range(2)]
    texts[1, 0] = "never seen"
    shares = np.array([[counts[k][one] / (N / 2) for one in texts[:, k]] for k in range(2)]).T
    whole = np.column_stack([x, shares])
    assert part.of_category("c1")[0] == tuple(name for name, _ in counts[1].most_common())
    np.testing.assert_allclose(score_rows(part, whole[1::2], compiled()), by_scikit(whole[::2], whole[1::2]), rtol=1e-6)


def pair(rng: np.random.Generator, n: int, bound: float) -> np.ndarray:
    one, other, third = rng.normal(size=(3, n))
    return np.column_stack([one, bound * one + (1 - bound**2) ** 0.5 * other, third])


def test_a_broken_correlation_shows_where_no_feature_moves() -> None:
    import choirmaster as cm

    rng = np.random.default_rng(2)

    def frame(n: int, bound: float) -> dict[str, list[float]]:
        x = pair(rng, n, bound)
        return {"a": x[:, 0].tolist(), "b": x[:, 1].tolist(), "c": x[:, 2].tolist(), "y": [0, 1] * (n // 2),
                "p": [0.5] * n}  # fmt: skip

    schema = cm.Schema("binary", label="y", prediction="p", features=["a", "b", "c"])
    past = frame(8_000, 0.9)
    names = ["psi", "ks", "mean_shift", "reconstruction_shift", "reconstruction_ks"]
    found = {}
    for what, bound in (("same", 0.9), ("broken", 0.0)):
        table = cm.monitor(frame(4_000, bound), reference=past, schema=schema, metrics=names).table.to_pylist()
        found[what] = {(row["metric"], row["feature"]): row for row in table}
    for feature in "abc":
        assert found["broken"]["psi", feature]["value"] < 0.02
        assert found["broken"]["ks", feature]["lower"] == 0.0
    assert found["same"]["reconstruction_shift", ""]["lower"] < 0 < found["same"]["reconstruction_shift", ""]["upper"]
    assert found["broken"]["reconstruction_shift", ""]["lower"] > 0.25
    assert found["same"]["reconstruction_ks", ""]["lower"] == 0.0
    assert found["broken"]["reconstruction_ks", ""]["lower"] > 0.05


@pytest.mark.parametrize("p", [4, 16])
def test_nothing_seems_to_move_where_nothing_does(p: int) -> None:
    """Of rows without any correlation, where a fit takes most from chance, the interval holds 0 as often as it says."""
    rng = np.random.default_rng(p)
    held = 0
    for _ in range(120):
        part, reference = fit_row_scores(batch_of(rng.normal(size=(600, p))), layout_of(p), compiled())
        state = RowScores.zero(part)
        state.update(rng.normal(size=(300, p)), compiled())
        value = read("reconstruction_shift", state, reference)
        held += value.lower <= 0.0 <= value.upper
    assert 0.89 * 120 <= held <= 120


def test_shift_is_the_difference_of_means_in_deviations_of_the_reference() -> None:
    rng = np.random.default_rng(4)
    x = correlated(rng, N, 5)
    part, reference = fit_row_scores(batch_of(x), layout_of(5), compiled())
    now = x * 1.5
    state = RowScores.zero(part)
    state.update(now, compiled())
    past, here = score_rows(part, x[1::2], compiled()), score_rows(part, now, compiled())
    value = read("reconstruction_shift", state, reference)
    assert value.number == pytest.approx((here.mean() - past.mean()) / past.std(ddof=1), rel=1e-6)
    assert value.n == N


@pytest.mark.parametrize("p", [1, 2, 7, 30])
def test_eigenvectors_are_those_of_lapack(p: int) -> None:
    rng = np.random.default_rng(p)
    for matrix in (np.cov(rng.normal(size=(p + 5, p)), rowvar=False).reshape(p, p), np.eye(p), np.ones((p, p)),
                   np.zeros((p, p))):  # fmt: skip
        values, vectors = eigen(matrix)
        np.testing.assert_allclose(values, np.linalg.eigvalsh(matrix)[::-1], atol=1e-12 * p)
        np.testing.assert_allclose(vectors.T @ vectors, np.eye(p), atol=1e-12)
        np.testing.assert_allclose(vectors * values @ vectors.T, matrix, atol=1e-12 * p)
        assert (vectors[np.abs(vectors).argmax(axis=0), np.arange(p)] > 0).all()


def test_sums_of_products_do_not_depend_on_the_order_of_the_rows() -> None:
    rng = np.random.default_rng(0)
    x = correlated(rng, 9_001, 6)
    x[rng.random(x.shape) < 0.05] = np.nan
    means, deviations = np.array([centre(one) for one in x.T]).T
    found = correlation(list(x.T), means, deviations)
    again = correlation(list(x[rng.permutation(len(x))].T), means, deviations)
    assert found.tobytes() == again.tobytes()
    z = np.where(np.isnan(x), 0.0, (x - means) / deviations)
    np.testing.assert_allclose(found, z.T @ z / len(z), atol=1e-8)
    assert components_kept(np.array([1.0, 1.0, 1.0])) == 2


_PRINT = """
import hashlib
import numpy as np
from choirmaster.drift.components import centre, left_over
x = np.random.default_rng(5).normal(size=(3000, 90)) @ np.random.default_rng(6).normal(size=(90, 90))
means, deviations = np.array([centre(one) for one in x.T.copy()]).T
print(hashlib.sha256(left_over(list(x.T), means, deviations).tobytes()).hexdigest())
"""


def test_the_directions_are_the_same_on_any_number_of_threads() -> None:
    said = set()
    for threads in ("1", "3"):
        names = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
        done = subprocess.run([sys.executable, "-c", _PRINT], env=os.environ | dict.fromkeys(names, threads),
                              capture_output=True, text=True, check=True)  # fmt: skip
        said.add(done.stdout)
    assert len(said) == 1


def test_no_model_where_fewer_than_two_features_vary() -> None:
    nothing = np.column_stack([np.full(50, np.nan), np.full(50, 3.0), np.arange(50.0)])
    for numbers in (nothing, np.ones((1, 3)), np.empty((0, 3)), np.column_stack([np.arange(3.0)] * 3)[:2]):
        part, state = fit_row_scores(batch_of(numbers), layout_of(3), compiled())
        assert not part.fitted
        state.update(np.empty((0, 0)))
        assert read("reconstruction_error", state).reason is Reason.NO_REFERENCE
        assert read("reconstruction_shift", state, state).reason is Reason.NO_REFERENCE


def test_what_cannot_be_measured_says_why() -> None:
    rng = np.random.default_rng(6)
    x = correlated(rng, 400, 4)
    part, reference = fit_row_scores(batch_of(x), layout_of(4), compiled())
    state = RowScores.zero(part)
    assert read("reconstruction_error", state).reason is Reason.NO_ROWS
    assert read("reconstruction_shift", state, None).reason is Reason.NO_REFERENCE
    state.update(np.full((5, 4), np.nan), compiled())
    assert read("reconstruction_error", state).reason is Reason.ALL_MISSING
    state.update(x[:10], compiled())
    assert read("reconstruction_error", state).n == 10
    assert read("reconstruction_shift", state, reference).reason is Reason.TOO_FEW_ROWS
    state.update(np.full((1, 4), 1e308), compiled())
    assert read("reconstruction_error", state).reason is Reason.OUT_OF_RANGE
    assert state.clipped == 1
    assert read("reconstruction_ks", state, reference).number is not None


def test_a_row_of_one_feature_that_is_the_other_has_no_error_until_they_part() -> None:
    x = np.repeat(np.random.default_rng(7).normal(size=(500, 1)), 2, axis=1)
    part, reference = fit_row_scores(batch_of(x), layout_of(2), compiled())
    assert read("reconstruction_error", reference).number == pytest.approx(0.0, abs=1e-7)
    state = RowScores.zero(part)
    state.update(x, compiled())
    assert read("reconstruction_shift", state, reference).reason is Reason.ZERO_VARIANCE
    state.update(x * [1.0, -1.0], compiled())
    assert read("reconstruction_ks", state, reference).number >= 0.45


def test_a_hundred_thousand_categories() -> None:
    n = 100_000
    texts = np.array([[f"only {k}", "ab"[k % 3 == 0]] for k in range(n)], object)
    x = np.random.default_rng(8).normal(size=(n, 2))
    part, reference = fit_row_scores(batch_of(x, texts), layout_of(2, 2), compiled())
    assert part.fitted
    assert len(part.categories) == sum(part.sizes) <= 10_002
    other = np.array([[f"new {k}", "ab"[k % 3 == 0]] for k in range(n)], object)
    state = RowScores.zero(part)
    codes = {name: dict(zip(*part.of_category(name), strict=True)) for name in part.categorical}
    encoded = [[codes[f"c{k}"].get(one, 0.0) for one in other[:, k]] for k in range(2) if f"c{k}" in codes]
    state.update(np.column_stack([x, *encoded]), compiled())
    value = read("reconstruction_shift", state, reference)
    assert abs(value.number) < 0.05  # ids that are all new are as new as those of the rows between
