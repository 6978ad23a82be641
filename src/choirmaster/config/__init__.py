"""The configuration: its types, and how a text becomes one of them. Nothing here reads a file or the environment."""

from choirmaster.config.answer import Answer
from choirmaster.config.effective import effective, plain
from choirmaster.config.model import (
    Access,
    Alerts,
    Calibration,
    Config,
    Ensemble,
    Features,
    Fusion,
    Labels,
    Member,
    Monitor,
    Reference,
    Report,
    Rule,
    Sink,
    Tls,
    Token,
)
from choirmaster.config.parse import parse
from choirmaster.config.problems import ConfigProblems
from choirmaster.config.scalars import Address, ClassName, Duration, Secret, SinkUrl, WindowLength, Windows

__all__ = [
    "Access", "Address", "Alerts", "Answer", "Calibration", "ClassName", "Config", "ConfigProblems", "Duration",
    "Ensemble", "Features", "Fusion", "Labels", "Member", "Monitor", "Reference", "Report", "Rule", "Secret", "Sink",
    "SinkUrl", "Tls", "Token", "WindowLength", "Windows", "effective", "parse", "plain",
]  # fmt: skip
