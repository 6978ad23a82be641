"""``cm.Ensemble``: several scikit-learn estimators as one, by a fusion rule."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
import pyarrow as pa
from sklearn.base import BaseEstimator, TransformerMixin, clone, is_classifier
from sklearn.metrics import accuracy_score, r2_score
from sklearn.utils import get_tags
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_array, check_is_fitted, column_or_1d, validate_data

from choirmaster import fusion as rules
from choirmaster.errors import ConfigError, DataError
from choirmaster.estimators.align import aligned_output, all_classes
from choirmaster.estimators.explanation import Explanation
from choirmaster.estimators.fitting import default_members, fit_member, need_two_classes
from choirmaster.estimators.out_of_fold import out_of_fold
from choirmaster.estimators.weighting import member_weight
from choirmaster.fusion.fitting import as_document, fitted, to_fit
from choirmaster.schema import class_text

_FROM_MEMBERS = ("classes_", "members_", "n_features_in_", "feature_names_in_")


def _gives_probabilities(ensemble: Ensemble) -> bool:
    if not is_classifier(ensemble):
        raise AttributeError("an ensemble of regressors has no predict_proba")
    if ensemble.rule_name() == "hard_vote":
        raise AttributeError("predict_proba is not available with fusion='hard_vote': shares of votes are counts")
    for member in ensemble.named_members().values():
        getattr(member, "predict_proba")  # noqa: B009  raises the member's own reason
    return True


class Ensemble(TransformerMixin, BaseEstimator):
    """Several estimators that answer as one: a classifier or a regressor, by what its members are.

    Parameters
    ----------
    members : dict of str to estimator, optional
        Named estimators, all classifiers or all regressors. Without any, a small ensemble of classifiers: logistic
        regression, a shallow tree and naive Bayes. Their parameters are reached as ``<member>__<parameter>``.
    fusion : str or dict
        A rule of ``choirmaster.fusion`` (``choirmaster describe`` lists them), or the rule with its parameters as in
        the configuration: ``{"rule": "trimmed_mean", "trim": 0.2}``. A hard vote takes each member's most probable
        class, or what it predicts where it has no probabilities. What is left to be learned (``"stacking"`` without
        coefficients, ``"rank_average"`` without quantiles, ``{"calibration": "platt"}`` without numbers) is learned by
        ``fit`` on outputs of members fitted on the other four of five folds.
    weights : dict of str to float, or sequence of float, optional
        One weight per member, for the rules that read them; all 1 if not given.
    prefit : bool
        Take the members as they are, fitted. ``fit`` then leaves them alone, as do ``clone`` and ``cross_val_score``.
    cutoff : float, optional
        For two classes: predict ``positive`` where its fused probability reaches the cutoff, instead of the class
        with the greater one.
    positive : class label, optional
        The class that ``cutoff`` speaks of; the last of ``classes_`` if not given.

    Attributes
    ----------
    members_ : dict of str to estimator
        The fitted members.
    fusion_ : dict
        The fusion with what was learned, as the configuration takes it; weights apart.
    classes_ : (n_classes,) array
        Every class that some member knows, sorted (classifiers only). Members are aligned to it by name; a class that
        a member does not know has probability 0 from it.
    n_features_in_, feature_names_in_
        As in scikit-learn.

    Notes
    -----
    A member's answer that is not finite is left out of that row; a row without any valid answer raises ``DataError``.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.naive_bayes import GaussianNB
    >>> X, y = [[0.0], [1.0], [2.0], [3.0]], ["no", "no", "yes", "yes"]
    >>> ens = Ensemble({"logit": LogisticRegression(), "bayes": GaussianNB()}).fit(X, y)
    >>> ens.predict([[0.2], [2.9]]).tolist()
    ['no', 'yes']
    >>> ens.predict_proba([[1.5]]).round(3).tolist()
    [[0.5, 0.5]]
    """

    def __init__(
        self,
        members: Mapping[str, Any] | None = None,
        *,
        fusion: str | Mapping[str, Any] = "mean",
        weights: Any = None,
        prefit: bool = False,
        cutoff: float | None = None,
        positive: Any = None,
    ) -> None:
        self.members = members
        self.fusion = fusion
        self.weights = weights
        self.prefit = prefit
        self.cutoff = cutoff
        self.positive = positive

    # --- parameters and copies

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the parameters; deep ones include each member and ``<member>__<parameter>``."""
        params: dict[str, Any] = super().get_params(deep=False)
        if deep and isinstance(self.members, Mapping):
            for name, member in self.members.items():
                params[name] = member
                if hasattr(member, "get_params"):
                    params |= {f"{name}__{key}": value for key, value in member.get_params(deep=True).items()}
        return params

    def set_params(self, **params: Any) -> Self:
        """Set parameters, members by name, and members' parameters as ``<member>__<parameter>``."""
        if "members" in params:
            self.members = params.pop("members")
        if isinstance(self.members, Mapping):
            replaced = {name: params.pop(name) for name in list(params) if name in self.members}
            if replaced:
                self.members = {**self.members, **replaced}
        super().set_params(**params)
        return self

    def __sklearn_clone__(self) -> Ensemble:
        """Return a copy to be fitted anew, or, with ``prefit``, one that keeps the fitted members."""
        if self.prefit:
            params = dict(self.get_params(deep=False))
            copy = type(self)(**params)
        else:
            params = {key: clone(value, safe=False) for key, value in self.get_params(deep=False).items()}
            if isinstance(self.members, Mapping):
                params["members"] = {name: clone(member, safe=False) for name, member in self.members.items()}
            copy = type(self)(**params)
        for kept in ("_metadata_request", "_sklearn_output_config"):
            if kept in self.__dict__:
                setattr(copy, kept, dict(self.__dict__[kept]) if kept.startswith("_sk") else self.__dict__[kept])
        return copy

    def __getattr__(self, name: str) -> Any:
        """Read what a prefit ensemble knows from its members, until ``fit`` has set it."""
        if name in _FROM_MEMBERS and self.__dict__.get("prefit"):
            found = self._from_members(name)
            if found is not None:
                return found
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def _from_members(self, name: str) -> Any:
        members = self.named_members()
        if name == "members_":
            return members
        if name == "classes_":
            return all_classes(members) if is_classifier(self) else None
        return next((getattr(member, name) for member in members.values() if hasattr(member, name)), None)

    def __sklearn_is_fitted__(self) -> bool:
        """Whether there are fitted members."""
        return bool(self.prefit) or "members_" in self.__dict__

    def __sklearn_tags__(self) -> Any:
        """Return tags by what the members are."""
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        tags.transformer_tags.preserves_dtype = []
        try:
            each = [get_tags(member) for member in self.named_members().values()]
        except ConfigError:
            return tags
        kinds = {tag.estimator_type for tag in each}
        if kinds <= {"classifier", "regressor"} and len(kinds) == 1:
            tags.estimator_type = each[0].estimator_type
            tags.classifier_tags, tags.regressor_tags = each[0].classifier_tags, each[0].regressor_tags
            if tags.classifier_tags is not None:
                tags.classifier_tags.multi_label = False
                tags.classifier_tags.multi_class = all(tag.classifier_tags.multi_class for tag in each)
        tags.input_tags.sparse = all(tag.input_tags.sparse for tag in each)
        tags.input_tags.allow_nan = all(tag.input_tags.allow_nan for tag in each)
        return tags

    # --- fit

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Fit each member on the same rows; with ``prefit`` leave the members as they are.

        ``sample_weight`` goes to every member that takes one, in a pipeline to each of its steps that do; members
        that take none are fitted without, and a ``SampleWeightIgnored`` warning names them.
        """
        members = self._checked_members()
        X = _table(X)
        self._see_features(X, reset=True)
        if self.prefit:
            self.members_ = members
        else:
            y = self._checked_target(y, sample_weight)
            self.members_ = {
                name: fit_member(name, clone(member), X, y, sample_weight) for name, member in members.items()
            }
        if is_classifier(self):
            self.classes_ = all_classes(self.members_)
            self._positive_column()
        self.fusion_ = as_document(self.fusion)
        if to_fit(self.fusion_) and not self.prefit:
            self.fusion_ = self._learned(X, y, sample_weight)
        self._fusion()
        return self

    def _learned(self, X: Any, y: Any, sample_weight: Any) -> dict[str, Any]:
        classes = self.classes_ if is_classifier(self) else None
        outputs = out_of_fold(self.members_, X, y, sample_weight, classes)
        target = np.asarray(y) if classes is None else np.searchsorted(classes, np.asarray(y))
        return fitted(self.fusion_, outputs, target, self._names(), self._member_weight(list(self.members_)))

    def rule_name(self) -> str:
        """Return the name of the fusion rule."""
        return str(as_document(self.fusion).get("rule") or "mean")

    def _checked_target(self, y: Any, sample_weight: Any) -> Any:
        y = column_or_1d(y, warn=True)
        check_array(y, ensure_2d=False, dtype=None, input_name="y")
        if is_classifier(self):
            check_classification_targets(y)
            need_two_classes(y, sample_weight)
        return y

    def named_members(self) -> dict[str, Any]:
        """Return the members as given, or the default ones; not necessarily fitted."""
        if self.members is None:
            return default_members()
        if not isinstance(self.members, Mapping) or not self.members:
            raise ConfigError(
                "cannot build the ensemble", where="members", expected="a dict of at least one name to an estimator",
                got=type(self.members).__name__ if not isinstance(self.members, Mapping) else "an empty dict",
            )  # fmt: skip
        return dict(self.members)

    def _checked_members(self) -> dict[str, Any]:
        members = self.named_members()
        taken = set(super().get_params(deep=False))
        for name, member in members.items():
            if not isinstance(name, str) or not name or "__" in name or name in taken:
                raise ConfigError(
                    "cannot name a member so", where=f"members[{name!r}]",
                    expected=f"a text without '__' that is none of {', '.join(sorted(taken))}", got=repr(name),
                )  # fmt: skip
            if isinstance(member, type) or not hasattr(member, "predict"):
                raise ConfigError("cannot use a member", where=f"members[{name!r}]", expected="an estimator instance",
                                  got=repr(member))  # fmt: skip
        kinds = {name: get_tags(member).estimator_type for name, member in members.items()}
        if len(set(kinds.values())) != 1 or not set(kinds.values()) <= {"classifier", "regressor"}:
            raise ConfigError("cannot fuse these members", where="members",
                              expected="all classifiers or all regressors", got=str(kinds))  # fmt: skip
        self._checked_rule(next(iter(kinds.values())), members)
        return members

    def _checked_rule(self, kind: str, members: dict[str, Any]) -> None:
        rule = rules.get(self.rule_name(), where="fusion")
        self._member_weight(list(members))
        if kind == "regressor" and "regression" not in rule.tasks:
            raise ConfigError("cannot fuse regressors by a vote", where="fusion", got=rule.name,
                              allowed=[r.name for r in rules.RULES if "regression" in r.tasks])  # fmt: skip
        without = [name for name, member in members.items() if not hasattr(member, "predict_proba")]
        if kind == "classifier" and rule.name != "hard_vote" and without:
            raise ConfigError(
                "cannot fuse probabilities that members do not give", where=f"members {', '.join(without)}",
                expected="predict_proba", fix='use fusion="hard_vote", or calibrate these members',
            )  # fmt: skip

    def _member_weight(self, names: list[str]) -> np.ndarray | None:
        return member_weight(self.weights, names)

    # --- answers

    def predict(self, X: Any) -> np.ndarray:
        """Return the fused class, or the fused number, of each row."""
        fused = self._fused(self._outputs(X))
        if not is_classifier(self):
            return fused.output
        if self.cutoff is None:
            return self.classes_[fused.choice]
        column = self._positive_column()
        return self.classes_[np.where(fused.output[:, column] >= self.cutoff, column, 1 - column)]

    @available_if(_gives_probabilities)
    def predict_proba(self, X: Any) -> np.ndarray:
        """Return the fused probabilities (n_samples, n_classes), columns as in ``classes_``."""
        return self._fused(self._outputs(X)).output

    def transform(self, X: Any) -> np.ndarray:
        """Return the members' own outputs side by side; see ``get_feature_names_out`` for the columns."""
        outputs = self._outputs(X)
        return outputs.reshape(len(outputs), -1)

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:  # noqa: ARG002  scikit-learn's signature
        """Return ``<member>`` for regressors and ``<member>__<class>`` for classifiers."""
        check_is_fitted(self)
        if not is_classifier(self):
            return np.asarray(list(self.members_), dtype=object)
        return np.asarray([f"{name}__{label}" for name in self.members_ for label in self.classes_], dtype=object)

    def explain(self, X: Any) -> Explanation:
        """Return what each member has to do with each answer: its exact share, or what leaving it out changes.

        Definition
            Of a mean, weighted mean or soft vote that is not recalibrated: share_k = w_k x_k / sum_j w_j, with x_k the
            member's output (per class) and the sum over the members that gave a valid answer; over the members the
            shares sum to the fused output, up to rounding. Of any other fusion, for which no such shares exist: the
            fused output less what it is without the member.
        """
        outputs = self._outputs(X)
        present = rules.mask_invalid(outputs, np.ones(outputs.shape[:2], dtype=bool), probability=False).present
        found = rules.explain(self._fusion(), outputs, present, self._member_weight(list(self.members_)))
        return Explanation(
            members=tuple(self.members_),
            classes=tuple(self.classes_.tolist()) if is_classifier(self) else None,
            fused=self._fused(outputs).output,
            outputs=outputs,
            kind=found.kind,
            values=found.values,
        )

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return the accuracy of a classifier, or R2 of a regressor."""
        measure = accuracy_score if is_classifier(self) else r2_score
        return float(measure(y, self.predict(X), sample_weight=sample_weight))

    def _outputs(self, X: Any) -> np.ndarray:
        check_is_fitted(self)
        X = _table(X)
        if "members_" in self.__dict__:
            self._see_features(X, reset=False)
            members = self.members_
        else:
            members = self._checked_members()
        if not is_classifier(self):
            return np.stack([np.asarray(m.predict(X), dtype=np.float64).reshape(-1) for m in members.values()], axis=1)
        classes, hard = self.classes_, self.rule_name() == "hard_vote"
        each = [aligned_output(name, member, X, classes, hard=hard) for name, member in members.items()]
        return np.stack(each, axis=1)

    def _fused(self, outputs: np.ndarray) -> rules.Fused:
        masked = rules.mask_invalid(outputs, np.ones(outputs.shape[:2], dtype=bool), probability=False)
        fused = self._fusion().fuse(outputs, masked.present, self._member_weight(list(self.members_)))
        if not fused.answered.all():
            row = int(np.flatnonzero(~fused.answered)[0])
            raise DataError("no member gives a valid answer", where=f"row {row}", expected="a finite output",
                            got=str(outputs[row].tolist()))  # fmt: skip
        return fused

    def _names(self) -> rules.Names:
        """Return whom the fusion is about: members, and classes by their names as texts."""
        if not is_classifier(self):
            return rules.Names("regression", tuple(self.members_))
        classes = tuple(class_text(one) for one in self.classes_.tolist())
        positive = self._positive_column() if len(classes) == 2 else 0
        return rules.Names("binary" if len(classes) == 2 else "multiclass", tuple(self.members_), classes, positive)

    def _fusion(self) -> rules.Fusion:
        """Return the fusion with what was learned."""
        names = self._names()
        return rules.prepare(
            self.__dict__.get("fusion_", as_document(self.fusion)), task=names.task, members=names.members,
            classes=names.classes, positive=names.classes[names.positive] if names.classes else "", where="fusion",
        )  # fmt: skip

    def _see_features(self, X: Any, *, reset: bool) -> None:
        # What is not two-dimensional is left for the members to refuse, who say best what is wrong with it.
        if getattr(X, "ndim", 2) == 2:
            validate_data(self, X, reset=reset, skip_check_array=True)

    def _positive_column(self) -> int:
        if len(self.classes_) != 2 and self.cutoff is not None:
            raise ConfigError("a cutoff needs two classes", where="cutoff", got=f"{len(self.classes_)} classes")
        if len(self.classes_) != 2 or self.positive is None:
            return len(self.classes_) - 1
        found = np.flatnonzero(self.classes_ == self.positive)
        if len(found) != 1:
            raise ConfigError("cannot find the positive class", where="positive", got=repr(self.positive),
                              allowed=[str(label) for label in self.classes_])  # fmt: skip
        return int(found[0])


def _table(X: Any) -> Any:
    """Take a dict of columns as a table; leave everything else to scikit-learn."""
    return pa.table(dict(X)) if type(X) is dict else X  # a sparse dok_array is a dict too
