"""Metrics: functions from a state to a value. Each is one line in ``METRICS``."""

from __future__ import annotations

from choirmaster.metrics.accuracy import ACCURACY, ERROR_RATE
from choirmaster.metrics.agreement import DISAGREEMENT, DISAGREEMENT_DRIFT, UNANIMITY, VOTE_PSI, VOTE_SHARE
from choirmaster.metrics.average_precision import AVERAGE_PRECISION
from choirmaster.metrics.balanced_accuracy import BALANCED_ACCURACY
from choirmaster.metrics.base import FAMILIES, MACRO, Metric, evaluate, targets
from choirmaster.metrics.brier_parts import BRIER_RELIABILITY, BRIER_RESOLUTION, BRIER_UNCERTAINTY
from choirmaster.metrics.calibration import (
    EXPECTED_CALIBRATION_ERROR,
    MAXIMUM_CALIBRATION_ERROR,
    OBSERVED_EXPECTED_RATIO,
)
from choirmaster.metrics.calls import AVAILABILITY, FAILURE_RATE, LATE_RATE
from choirmaster.metrics.class_drift import LABEL_DRIFT, PREDICTION_DRIFT
from choirmaster.metrics.class_ks import CLASS_KS
from choirmaster.metrics.cost import COST, TOTAL_COST
from choirmaster.metrics.domain_classifier import DOMAIN_CLASSIFIER_AUC
from choirmaster.metrics.errors import BIAS, MAE, MSE, R2, RMSE
from choirmaster.metrics.f1 import F1
from choirmaster.metrics.feature_drift import (
    CHI_SQUARED,
    CHI_SQUARED_P,
    HELLINGER,
    JENSEN_SHANNON,
    KS,
    L_INFINITY,
    PSI,
    TOTAL_VARIATION,
)
from choirmaster.metrics.feature_quality import (
    CONSTANT,
    MEAN,
    MISSING_RATE,
    NOT_FINITE_RATE,
    OUT_OF_RANGE_RATE,
    RARE_RATE,
    UNSEEN_RATE,
)
from choirmaster.metrics.feature_wasserstein import WASSERSTEIN, WASSERSTEIN_SCALED
from choirmaster.metrics.freshness import FRESHNESS
from choirmaster.metrics.intake import (
    BACKWARDS_TIME_RATE,
    CONFLICTING_ID_RATE,
    DUPLICATE_ID_RATE,
    FUTURE_TIME_RATE,
    ROW_COUNT,
    TYPE_FAULT_RATE,
)
from choirmaster.metrics.jaccard import JACCARD
from choirmaster.metrics.label_sets import HAMMING_LOSS, SUBSET_ACCURACY
from choirmaster.metrics.latency import LATENCY_P50, LATENCY_P90, LATENCY_P99
from choirmaster.metrics.losses import BRIER, LOG_LOSS
from choirmaster.metrics.mcc import KAPPA, MCC
from choirmaster.metrics.mean_shift import LABEL_MEAN_SHIFT, MEAN_SHIFT
from choirmaster.metrics.negative_predictive_value import NEGATIVE_PREDICTIVE_VALUE
from choirmaster.metrics.precision import PRECISION
from choirmaster.metrics.previous import (
    JENSEN_SHANNON_PREVIOUS,
    KS_PREVIOUS,
    PSI_PREVIOUS,
    SCORE_KS_PREVIOUS,
    SCORE_PSI_PREVIOUS,
    WASSERSTEIN_SCALED_PREVIOUS,
)
from choirmaster.metrics.quantiles import (
    CROSSING_RATE,
    INTERVAL_COVERAGE,
    INTERVAL_WIDTH,
    PINBALL,
    QUANTILE_COVERAGE,
    WIS,
)
from choirmaster.metrics.recall import FALSE_NEGATIVE_RATE, RECALL
from choirmaster.metrics.recall_at_fpr import RECALL_AT_FPR
from choirmaster.metrics.reconstruction import (
    RECONSTRUCTION_ERROR,
    RECONSTRUCTION_KS,
    RECONSTRUCTION_SHIFT,
    RECONSTRUCTION_SHIFT_PREVIOUS,
)
from choirmaster.metrics.relative import MAPE, MSLE, RMSLE, SMAPE
from choirmaster.metrics.review import REVIEW
from choirmaster.metrics.right_together import CORRECTNESS_CORRELATION, CORRECTNESS_KAPPA, DOUBLE_FAULT, Q_STATISTIC
from choirmaster.metrics.roc_auc import GINI, ROC_AUC
from choirmaster.metrics.score_drift import (
    SCORE_CHI_SQUARED,
    SCORE_CHI_SQUARED_P,
    SCORE_HELLINGER,
    SCORE_JENSEN_SHANNON,
    SCORE_KS,
    SCORE_L_INFINITY,
    SCORE_MEAN,
    SCORE_PSI,
    SCORE_TOTAL_VARIATION,
    SCORE_WASSERSTEIN,
)
from choirmaster.metrics.shares import LABEL_SHARE, POSITIVE_RATE, PREVALENCE
from choirmaster.metrics.specificity import FALSE_POSITIVE_RATE, SPECIFICITY
from choirmaster.metrics.spread import SPREAD, SPREAD_DRIFT
from choirmaster.metrics.together import (
    BEST_WEIGHT,
    BEST_WEIGHTS_LOSS,
    DIVERSITY,
    ERROR_CORRELATION,
    LEAVE_ONE_OUT,
    MEAN_LOSS,
    MEMBER_LOSS,
    SHAPLEY,
)
from choirmaster.metrics.value_review import VALUE_REVIEW
from choirmaster.metrics.value_shares import VALUE_ACCURACY, VALUE_MISSING_RATE, VALUE_PRECISION, VALUE_RECALL
from choirmaster.metrics.value_sums import VALUE_CAUGHT, VALUE_FALSE_ALARMS, VALUE_MISSED

METRICS: tuple[Metric, ...] = (
    ACCURACY,
    PRECISION,
    RECALL,
    F1,
    ERROR_RATE,
    BALANCED_ACCURACY,
    SPECIFICITY,
    FALSE_POSITIVE_RATE,
    FALSE_NEGATIVE_RATE,
    NEGATIVE_PREDICTIVE_VALUE,
    JACCARD,
    MCC,
    KAPPA,
    COST,
    TOTAL_COST,
    VALUE_ACCURACY,
    VALUE_PRECISION,
    VALUE_RECALL,
    VALUE_CAUGHT,
    VALUE_MISSED,
    VALUE_FALSE_ALARMS,
    ROC_AUC,
    AVERAGE_PRECISION,
    EXPECTED_CALIBRATION_ERROR,
    MAXIMUM_CALIBRATION_ERROR,
    OBSERVED_EXPECTED_RATIO,
    CLASS_KS,
    GINI,
    *REVIEW,
    *RECALL_AT_FPR,
    *VALUE_REVIEW,
    BRIER_RELIABILITY,
    BRIER_RESOLUTION,
    BRIER_UNCERTAINTY,
    LOG_LOSS,
    BRIER,
    MAE,
    MSE,
    RMSE,
    BIAS,
    R2,
    MAPE,
    SMAPE,
    MSLE,
    RMSLE,
    SUBSET_ACCURACY,
    HAMMING_LOSS,
    PINBALL,
    WIS,
    INTERVAL_COVERAGE,
    QUANTILE_COVERAGE,
    INTERVAL_WIDTH,
    CROSSING_RATE,
    PSI,
    JENSEN_SHANNON,
    KS,
    WASSERSTEIN,
    WASSERSTEIN_SCALED,
    MEAN_SHIFT,
    HELLINGER,
    TOTAL_VARIATION,
    L_INFINITY,
    CHI_SQUARED,
    CHI_SQUARED_P,
    PSI_PREVIOUS,
    JENSEN_SHANNON_PREVIOUS,
    KS_PREVIOUS,
    WASSERSTEIN_SCALED_PREVIOUS,
    RECONSTRUCTION_ERROR,
    RECONSTRUCTION_SHIFT,
    RECONSTRUCTION_KS,
    RECONSTRUCTION_SHIFT_PREVIOUS,
    DOMAIN_CLASSIFIER_AUC,
    SCORE_PSI,
    SCORE_JENSEN_SHANNON,
    SCORE_KS,
    SCORE_WASSERSTEIN,
    SCORE_HELLINGER,
    SCORE_TOTAL_VARIATION,
    SCORE_L_INFINITY,
    SCORE_CHI_SQUARED,
    SCORE_CHI_SQUARED_P,
    SCORE_PSI_PREVIOUS,
    SCORE_KS_PREVIOUS,
    *LABEL_DRIFT,
    *PREDICTION_DRIFT,
    LABEL_MEAN_SHIFT,
    SCORE_MEAN,
    MEAN,
    MISSING_RATE,
    NOT_FINITE_RATE,
    UNSEEN_RATE,
    OUT_OF_RANGE_RATE,
    RARE_RATE,
    CONSTANT,
    ROW_COUNT,
    DUPLICATE_ID_RATE,
    CONFLICTING_ID_RATE,
    FUTURE_TIME_RATE,
    BACKWARDS_TIME_RATE,
    TYPE_FAULT_RATE,
    LABEL_SHARE,
    POSITIVE_RATE,
    PREVALENCE,
    VALUE_MISSING_RATE,
    AVAILABILITY,
    LATE_RATE,
    FAILURE_RATE,
    LATENCY_P50,
    LATENCY_P90,
    LATENCY_P99,
    DIVERSITY,
    MEAN_LOSS,
    MEMBER_LOSS,
    LEAVE_ONE_OUT,
    SHAPLEY,
    BEST_WEIGHT,
    BEST_WEIGHTS_LOSS,
    ERROR_CORRELATION,
    DISAGREEMENT,
    UNANIMITY,
    VOTE_SHARE,
    DISAGREEMENT_DRIFT,
    VOTE_PSI,
    DOUBLE_FAULT,
    Q_STATISTIC,
    CORRECTNESS_KAPPA,
    CORRECTNESS_CORRELATION,
    SPREAD,
    SPREAD_DRIFT,
)
OBSERVED: tuple[Metric, ...] = (FRESHNESS,)  # read off the clock and not off a state
BY_NAME: dict[str, Metric] = {one.name: one for one in (*METRICS, *OBSERVED)}

__all__ = ["BY_NAME", "FAMILIES", "MACRO", "METRICS", "OBSERVED", "Metric", "evaluate", "targets"]
