"""The states about all members at once: what is fed to them from columns, and when they are kept."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from choirmaster.engines.local import states_of
from choirmaster.engines.reference import build_reference
from choirmaster.kernels.table import PLAIN
from choirmaster.layout import Layout, Output, SeriesSpec, Task
from choirmaster.plan import plan_for, wanted
from choirmaster.states import BY_KIND
from choirmaster.states.keys import ENSEMBLE, StateKey
from choirmaster.states.reference import from_bytes, to_bytes

ERRORS, VOTES, SPREAD = (StateKey(ENSEMBLE, kind) for kind in ("errors/1", "agreement/1", "spread/1"))
N = 300


def measured(rows: pa.Table, layout: Layout):
    reference = build_reference(rows, layout, kernels=PLAIN)
    return reference, states_of(rows, plan_for(reference, None, calls=False), PLAIN)


def holes(values, rng, share: float = 0.2) -> pa.Array:
    return pa.array(values, mask=rng.random(N) < share)


def test_two_classes_with_a_member_that_answers_classes() -> None:
    rng = np.random.default_rng(0)
    layout = Layout(Task.BINARY, (SeriesSpec("a"), SeriesSpec("c", Output.CLASS), SeriesSpec("fused")), ("no", "yes"),
                    "yes")  # fmt: skip
    p, said = holes(rng.random(N), rng), holes(rng.choice(["no", "yes"], N), rng)
    label = holes(rng.choice(["no", "yes"], N), rng)
    rows = pa.table({"m.a.p.yes": p, "m.c.class": said.dictionary_encode(), "y.p.yes": p,
                     "label": label.dictionary_encode()})  # fmt: skip
    reference, states = measured(rows, layout)
    a = np.array(p.to_pylist(), float)
    c = np.array([{"yes": 1.0, "no": 0.0}.get(one, np.nan) for one in said.to_pylist()])
    y = np.array([{"yes": 1.0, "no": 0.0}.get(one, np.nan) for one in label.to_pylist()])
    part = reference.parts[ERRORS]
    assert part.members == ("a", "c")
    assert part.prior == (np.nanmean(y),)
    direct = BY_KIND["errors/1"].zero(part)
    direct.update(np.column_stack([a, c]), y)
    assert states[ERRORS] == direct
    lone = BY_KIND["spread/1"].zero(reference.parts[SPREAD])
    lone.update(np.column_stack([a, c]))
    assert states[SPREAD] == lone
    votes = BY_KIND["agreement/1"].zero(reference.parts[VOTES])
    codes = [np.where(np.isnan(one), 2, one >= 0.5).astype(np.int64) for one in (a, c)]
    votes.update(np.column_stack(codes), np.where(np.isnan(y), 3, y).astype(np.int64))
    assert states[VOTES] == votes
    assert reference.parts[VOTES].cutoffs[0] == 0.5
    assert states == dict(reference.states)


def test_several_classes() -> None:
    rng = np.random.default_rng(1)
    classes = ("u", "v", "w")
    layout = Layout(Task.MULTICLASS, (SeriesSpec("a"), SeriesSpec("b"), SeriesSpec("c", Output.CLASS)), classes)
    p = rng.dirichlet(np.ones(3), (2, N))
    p[0, :40, 1] = np.nan  # one class is missing: no usable answer
    columns = {f"m.{name}.p.{one}": p[i, :, k] for i, name in enumerate("ab") for k, one in enumerate(classes)}
    said, label = rng.choice([*classes, "other"], N), rng.choice(classes, N)
    rows = pa.table({**columns, "m.c.class": pa.array(said).dictionary_encode(),
                     "label": pa.array(label).dictionary_encode()})  # fmt: skip
    reference, states = measured(rows, layout)
    codes = np.array([classes.index(one) if one in classes else 3 for one in said])
    sure = np.eye(4)[codes][:, :3]
    sure[codes == 3] = np.nan
    answers = np.stack([*p, sure], axis=1)
    y = np.array([classes.index(one) for one in label])
    part = reference.parts[ERRORS]
    assert part.width == 3
    np.testing.assert_allclose(part.prior, np.bincount(y) / N)
    direct = BY_KIND["errors/1"].zero(part)
    direct.update(answers, y.astype(float))
    assert states[ERRORS] == direct
    n, products = states[ERRORS].pairwise()
    both = ~np.isnan(answers[:, [0, 2], :]).any(axis=(1, 2))
    error = answers - np.eye(3)[y][:, None, :]
    assert n[0, 2] == both.sum()
    assert products[0, 2] == pytest.approx((error[both, 0] * error[both, 2]).sum(), abs=1e-9)


def test_numbers() -> None:
    rng = np.random.default_rng(2)
    layout = Layout(Task.REGRESSION, (SeriesSpec("a", Output.VALUE), SeriesSpec("b", Output.VALUE)))
    y = rng.normal(10.0, 2.0, N)
    x = y[:, None] + rng.normal(0.0, 1.0, (N, 2))
    x[:50, 0] = np.nan
    rows = pa.table({"m.a.value": x[:, 0], "m.b.value": x[:, 1], "label": y})
    reference, states = measured(rows, layout)
    assert VOTES not in states
    assert reference.parts[ERRORS].exponent == reference.parts[StateKey("a", "losses/1")].exponent
    direct = BY_KIND["errors/1"].zero(reference.parts[ERRORS])
    direct.update(x, y)
    assert states[ERRORS] == direct
    unlabelled = build_reference(rows.drop_columns("label"), layout, kernels=PLAIN)
    assert unlabelled.parts[ERRORS].prior[0] == pytest.approx(np.nanmean(x), rel=1e-6)


def test_one_member_has_nobody_to_be_compared_with() -> None:
    alone = Layout(Task.BINARY, (SeriesSpec("a"), SeriesSpec("fused")), ("no", "yes"), "yes")
    assert ENSEMBLE not in {key.series for key in wanted(alone)}
    crowd = Layout(Task.BINARY, tuple(SeriesSpec(f"m{i}") for i in range(61)), ("no", "yes"), "yes")
    assert ENSEMBLE not in {key.series for key in wanted(crowd)}


def test_many_members_and_a_reference_that_comes_back() -> None:
    rng = np.random.default_rng(3)
    names = [f"m{i}" for i in range(9)]
    layout = Layout(Task.BINARY, tuple(SeriesSpec(one) for one in names), ("no", "yes"), "yes")
    columns = {f"m.{one}.p.yes": holes(rng.random(N), rng, 0.3) for one in names}
    rows = pa.table({**columns, "label": pa.array(rng.choice(["no", "yes"], N)).dictionary_encode()})
    reference, states = measured(rows, layout)
    assert len(reference.parts[ERRORS].masks) == 64
    assert states[ERRORS].others > 0
    again = from_bytes(to_bytes(reference), BY_KIND)
    assert again.parts[ERRORS] == reference.parts[ERRORS]
    assert again.states[VOTES] == reference.states[VOTES]
    assert again.id == reference.id
