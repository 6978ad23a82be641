"""The words for each metric, and for each unit. One place for dashboard, reports and notebooks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

DIFFERENCE = "_difference"


class Unit(NamedTuple):
    """How a unit is said: in a sentence, beside a number, and with how many decimals; None goes by the size."""

    words: str
    sign: str = ""
    decimals: int | None = None


UNITS: dict[str, Unit] = {
    "ratio": Unit("a ratio"),
    "correlation": Unit("a correlation between -1 and 1"),
    "probability": Unit("a probability"),
    "squared probability": Unit("squared probability"),
    "nats": Unit("nats", "nats"),
    "squared nats": Unit("squared nats", "nats²"),
    "us": Unit("microseconds", "µs", 0),
    "seconds": Unit("seconds", "s"),
    "cost": Unit("units of the cost matrix"),
    "value": Unit("units of the declared value"),
    "unit of the label": Unit("in the unit of the label"),
    "squared unit of the label": Unit("in the squared unit of the label"),
    "unit of the feature": Unit("in the unit of the feature"),
    "standard deviations of the reference": Unit("standard deviations of the reference", "sd"),
    "statistic": Unit("a test statistic"),
    "standard deviations of the features": Unit("standard deviations of the features", "sd"),
    "rows": Unit("rows", "", 0),
    "0 or 1": Unit("0 or 1", "", 0),
    "squared error": Unit("squared error"),
    "square of the answer's unit": Unit("in the square of the answer's unit"),
}

DISTANCES = {
    "psi": "PSI",
    "jensen_shannon": "Jensen-Shannon",
    "ks": "KS",
    "wasserstein": "Wasserstein",
    "wasserstein_scaled": "Wasserstein, scaled",
    "hellinger": "Hellinger",
    "total_variation": "total variation",
    "l_infinity": "L-infinity",
    "chi_squared": "chi-squared",
    "chi_squared_p": "chi-squared, p-value",
}
# Where a distance of drift is measured, and how that is called.
MOVED = {
    "score": ("score", "Score drift"),
    "label": ("label", "Label drift"),
    "prediction": ("prediction", "Drift of predicted classes"),
}
SHARES = {"0_1pct": "0.1 %", "1pct": "1 %", "5pct": "5 %", "10pct": "10 %"}


def _of_shares() -> Iterator[tuple[str, str]]:
    for name, share in SHARES.items():
        yield f"precision_at_review_{name}", f"Precision in a review of {share}"
        yield f"recall_at_review_{name}", f"Recall in a review of {share}"
        yield f"lift_at_review_{name}", f"Lift in a review of {share}"
        yield f"recall_at_fpr_{name}", f"Recall at a false-positive rate of {share}"
        yield f"value_recall_at_review_{name}", f"Value found in a review of {share}"


def _of_drift() -> Iterator[tuple[str, str]]:
    for name, words in DISTANCES.items():
        yield f"{name}_previous", f"{words[0].upper()}{words[1:]} against the window before"
        for prefix, (_, what) in MOVED.items():
            yield f"{prefix}_{name}", f"{what}, {words}"
            yield f"{prefix}_{name}_previous", f"{what} against the window before, {words}"


TITLES: dict[str, str] = {
    **dict(_of_shares()),
    **dict(_of_drift()),
    "accuracy": "Accuracy",
    "precision": "Precision",
    "recall": "Recall",
    "f1": "F1",
    "error_rate": "Error rate",
    "balanced_accuracy": "Balanced accuracy",
    "specificity": "Specificity",
    "false_positive_rate": "False-positive rate",
    "false_negative_rate": "False-negative rate",
    "negative_predictive_value": "Negative predictive value",
    "jaccard": "Jaccard index",
    "mcc": "Matthews correlation",
    "kappa": "Cohen's kappa",
    "cost": "Cost per row",
    "total_cost": "Total cost",
    "value_accuracy": "Share of the value answered right",
    "value_precision": "Precision by value",
    "value_recall": "Recall by value",
    "value_caught": "Value caught",
    "value_missed": "Value missed",
    "value_false_alarms": "Value falsely alarmed about",
    "value_missing_rate": "Rows without a value",
    "roc_auc": "ROC AUC",
    "average_precision": "Average precision",
    "expected_calibration_error": "Expected calibration error",
    "maximum_calibration_error": "Maximum calibration error",
    "observed_expected_ratio": "Observed over expected",
    "class_ks": "KS of the two classes",
    "gini": "Gini coefficient",
    "brier_reliability": "Brier score, reliability",
    "brier_resolution": "Brier score, resolution",
    "brier_uncertainty": "Brier score, uncertainty",
    "log_loss": "Log loss",
    "brier": "Brier score",
    "mae": "Mean absolute error",
    "mse": "Mean squared error",
    "rmse": "Root mean squared error",
    "bias": "Bias",
    "r2": "R squared",
    "mape": "Mean absolute percentage error",
    "smape": "Symmetric mean absolute percentage error",
    "msle": "Mean squared logarithmic error",
    "rmsle": "Root mean squared logarithmic error",
    "subset_accuracy": "Subset accuracy",
    "hamming_loss": "Hamming loss",
    "pinball": "Pinball loss",
    "wis": "Weighted interval score",
    "interval_coverage": "Coverage of intervals",
    "quantile_coverage": "Coverage of quantiles",
    "interval_width": "Width of intervals",
    "crossing_rate": "Rows with crossing quantiles",
    "psi": "Population stability index",
    "jensen_shannon": "Jensen-Shannon distance",
    "ks": "Kolmogorov-Smirnov distance",
    "wasserstein": "Wasserstein distance",
    "wasserstein_scaled": "Wasserstein distance, scaled",
    "mean_shift": "Shift of the mean",
    "domain_classifier_auc": "ROC AUC of telling the rows from the reference's",
    "reconstruction_error": "Reconstruction error of the features",
    "reconstruction_shift": "Shift of the reconstruction error",
    "reconstruction_ks": "Reconstruction error, KS",
    "reconstruction_shift_previous": "Shift of the reconstruction error since the window before",
    "hellinger": "Hellinger distance",
    "total_variation": "Total variation",
    "l_infinity": "L-infinity distance",
    "chi_squared": "Chi-squared",
    "chi_squared_p": "Chi-squared, p-value",
    "label_mean_shift": "Shift of the mean label",
    "score_mean": "Mean score",
    "mean": "Mean",
    "missing_rate": "Missing rate",
    "not_finite_rate": "Share not finite",
    "unseen_rate": "Unseen categories",
    "out_of_range_rate": "Out of range",
    "rare_rate": "Rare categories",
    "constant": "Constant column",
    "row_count": "Rows",
    "duplicate_id_rate": "Repeated ids",
    "conflicting_id_rate": "Repeated ids of other content",
    "future_time_rate": "Times in the future",
    "backwards_time_rate": "Times going backwards",
    "type_fault_rate": "Cells of another type",
    "freshness": "Age of the newest event",
    "label_share": "Labelled share",
    "positive_rate": "Predicted positive",
    "prevalence": "Prevalence",
    "availability": "Availability",
    "late_rate": "Late answers",
    "failure_rate": "Failed calls",
    "latency_p50": "Latency, median",
    "latency_p90": "Latency, 90 of 100 calls below",
    "latency_p99": "Latency, 99 of 100 calls below",
    "diversity": "Diversity",
    "mean_loss": "Mean loss of the members",
    "member_loss": "Loss of the member",
    "leave_one_out": "Cost of leaving it out",
    "shapley": "Shapley share of the loss",
    "best_weight": "Best weight",
    "best_weights_loss": "Loss under the best weights",
    "error_correlation": "Correlation of errors",
    "disagreement": "Disagreement",
    "unanimity": "Unanimous rows",
    "vote_share": "Share of votes",
    "disagreement_drift": "Drift of disagreement",
    "vote_psi": "Drift of vote patterns, PSI",
    "double_fault": "Wrong together",
    "q_statistic": "Yule's Q of being right",
    "correctness_kappa": "Kappa of being right",
    "correctness_correlation": "Correlation of being right",
    "spread": "Spread of the answers",
    "spread_drift": "Drift of the spread",
}
SHORT_TITLES: dict[str, str] = {
    "psi": "PSI",
    "jensen_shannon": "JS",
    "ks": "KS",
    "wasserstein": "Wasserstein",
    "wasserstein_scaled": "Wasserstein, sd",
    "log_loss": "Log loss",
    "mae": "MAE",
    "rmse": "RMSE",
    "wis": "WIS",
    "latency_p50": "Latency p50",
    "latency_p90": "Latency p90",
    "latency_p99": "Latency p99",
}


def metric_title(name: str) -> str:
    """Return the words for a metric's name.

    >>> metric_title("roc_auc"), metric_title("recall_at_review_1pct"), metric_title("accuracy_difference")
    ('ROC AUC', 'Recall in a review of 1 %', 'Accuracy, difference')
    >>> metric_title("my_own")
    'My own'
    """
    if name in TITLES:
        return TITLES[name]
    if name.endswith(DIFFERENCE):
        return f"{metric_title(name.removesuffix(DIFFERENCE))}, difference"
    return name.replace("_", " ").capitalize()


def short_title(name: str) -> str:
    """Return the words for a narrow column.

    >>> short_title("psi"), short_title("missing_rate")
    ('PSI', 'Missing rate')
    """
    return SHORT_TITLES.get(name, metric_title(name))


def unit_of(metric: str) -> Unit:
    """Return the unit of a metric; one without words for a name that is not known."""
    from choirmaster.metrics import BY_NAME

    one = BY_NAME.get(metric.removesuffix(DIFFERENCE))
    return UNITS.get(one.unit, Unit(one.unit)) if one else Unit("")
