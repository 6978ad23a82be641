"""Metrics by name without their least number of rows: their arithmetic is compared on a handful of rows too."""

from __future__ import annotations

from dataclasses import replace

from choirmaster.metrics import METRICS
from choirmaster.metrics.base import ONE

BY_NAME = {metric.name: replace(metric, least=ONE) for metric in METRICS}
