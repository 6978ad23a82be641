"""The types of ``choirmaster.yaml``. Defaults stand here and nowhere else, each with its unit and reason."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from msgspec import Struct, field, to_builtins

from choirmaster.config.answer import Answer, Breaker, Early, Hedge
from choirmaster.config.scalars import Address, ClassName, Duration, Secret, SinkUrl, WindowLength, Windows
from choirmaster.times import DAY, HOUR, MINUTE, SECOND

Role = Literal["score", "ingest", "read", "operate", "admin"]


def _declared(data: dict[str, Any]) -> dict[str, Any]:
    """Leave out what is None or empty."""
    return {
        key: _declared(value) if isinstance(value, dict) else value
        for key, value in data.items()
        if value is not None and value not in ({}, [], ())
    }


class Member(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One model: exactly one of ``file``, ``url``, ``callable`` and ``ensemble``."""

    file: str | None = None  # ONNX, skops, LightGBM, XGBoost or an MLflow folder; relative to the configuration
    url: Address | None = None  # a remote Open Inference Protocol V2 model: http(s)://host/v2/models/NAME
    callable: str | None = None  # package.module:name, for Python that is installed here
    ensemble: str | None = None  # another ensemble of this file
    timeout: Duration | None = None  # inside the deadline; none: the whole deadline
    concurrency: int = 4  # calls that may run at the same time
    role: Literal["voter", "shadow", "canary", "off"] = "voter"  # shadow: asked and measured, no say; off: not asked
    share: float | None = None  # of the ids in which a canary is asked and has a say; canaries need it
    batch: int = 0  # rows of waiting calls that are asked about as one call; 0: each call alone
    repeatable: bool | None = None  # may be asked twice for one request; none: where it is remote
    sha256: str | None = None  # pins the file's bytes
    trusted: bool = False  # allow a file that can run code (joblib, pickle, MLflow pyfunc); needs sha256
    trusted_types: tuple[str, ...] = ()  # full names of types a skops file may hold beside those skops trusts
    output: Literal["probability", "logit", "class", "value"] | None = None  # none: by the task
    classes: tuple[ClassName, ...] = ()  # in the order of the model's own columns, where it does not say
    features: tuple[str, ...] = ()  # in the order of the model's own columns, where it does not say
    convert: bool = True  # a scikit-learn model becomes ONNX where both agree on rows of the reference file
    processes: int = 0  # child processes that run it, one call each at a time; 0: threads of the server
    memory: int = 0  # MiB of data that each of its processes may hold; 0: no limit
    inputs: dict[str, str] = {}  # remote members: {tensor: feature}; the feature "*" is all of them as one matrix
    tensor: str = ""  # remote members: the output that holds the answer, where it cannot be told
    headers: dict[str, Secret] = {}  # remote members: sent with each request, such as an authorisation
    ca: str = ""  # remote members: PEM file of the certificates to trust; '': the usual ones

    @classmethod
    def example(cls) -> dict[str, Any]:
        """Return one that is right."""
        return {"file": "models/boost.onnx", "timeout": "40ms", "sha256": "0" * 64}


class Features(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The features that requests carry and drift is watched on."""

    numeric: tuple[str, ...] = ()  # names of numbers
    categorical: tuple[str, ...] = ()  # names of texts

    @classmethod
    def example(cls) -> dict[str, Any]:
        """Return one that is right."""
        return {"numeric": ["amount"], "categorical": ["country"]}


class Calibration(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Recalibration after fusion, as plain numbers; training writes them."""

    method: Literal["platt", "isotonic", "beta", "temperature"]  # one of docs/metrics.md
    slope: float | None = None  # of platt
    intercept: float | None = None  # of platt
    a: float | None = None  # of beta
    b: float | None = None  # of beta
    c: float | None = None  # of beta
    x: tuple[float, ...] = ()  # of isotonic: fused probabilities, rising
    y: tuple[float, ...] = ()  # of isotonic: calibrated probabilities at x
    temperature: float | None = None  # of temperature

    @classmethod
    def example(cls) -> dict[str, Any]:
        """Return one that is right."""
        return {"method": "platt", "slope": 1.2, "intercept": -0.1}


class Fusion(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How the members' answers become one."""

    rule: str = "mean"  # one of docs/metrics.md, such as soft_vote
    weights: dict[str, float] = {}  # a member that is not named weighs 1
    trim: float | None = None  # of trimmed_mean: the share cut off at each end; none: 0.2
    quantiles: dict[str, tuple[float, ...]] = {}  # of rank_average: {member: its reference scores' quantiles}
    stages: tuple[tuple[str, ...], ...] = ()  # of cascade: members asked first, next, last
    confidence: float | tuple[float, ...] | None = None  # of cascade: probability from which a stage is sure
    inputs: Literal["log_odds", "probability"] | None = None  # of stacking: what it takes; none: log_odds
    intercept: float | dict[str, float] | None = None  # of stacking; of a multiclass task {class: number}
    coefficients: dict[str, float | dict[str, dict[str, float]]] = {}  # of stacking; or {class: {member: {class: ..}}}
    calibration: Calibration | None = None  # recalibration of the fused probabilities; none: as they are

    def document(self) -> dict[str, Any]:
        """Return what is declared as plain data, as ``choirmaster.fusion.prepare`` reads it."""
        return _declared(to_builtins(self))

    @classmethod
    def example(cls) -> dict[str, Any]:
        """Return one that is right."""
        return {"rule": "weighted_mean", "weights": {"boost": 2, "net": 1}}


class Labels(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """When labels come, and what it means when they do not."""

    expected: Duration = field(default_factory=lambda: Duration(DAY))  # after this long the label share counts
    expected_share: float = 0.9  # share of rows that should have a label by then; the rest is an alert
    absent_after: Duration | None = None  # none: a missing label stays unknown
    absent_means: ClassName | None = None  # the class that a label absent for that long stands for

    @classmethod
    def example(cls) -> dict[str, Any]:
        """Return one that is right."""
        return {"expected": "30d", "absent_after": "90d", "absent_means": "legit"}


class Reference(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The rows that current ones are compared with."""

    file: str | None = None  # path or glob of CSV, JSON lines or Parquet
    first: str | None = None  # in place of a file: "30%" or "14d" of the live rows

    @classmethod
    def example(cls) -> dict[str, Any]:
        """Return one that is right."""
        return {"file": "train.parquet"}


class Monitor(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The monitoring strategy: when, what, against what."""

    window: WindowLength = field(default_factory=lambda: WindowLength("1d"))  # at most a day; auto: by the traffic
    precision: float = 0.02  # half-width of the leading metric's interval that window: auto aims at
    timezone: str = "UTC"  # in which days and weeks begin
    every: Duration = field(default_factory=lambda: Duration(5 * MINUTE))  # between two looks
    grace: Duration = field(default_factory=lambda: Duration(HOUR))  # after a window's end before it is measured
    clock: Literal["wall", "data"] = "wall"  # data: time stands where the rows are, as in a replay
    reference: Reference | None = None  # none: drift is undefined, no_reference
    metrics: Literal["auto", "all"] | tuple[str, ...] = "auto"  # auto: by the task and the reference; all: every one
    segments: tuple[
        str | tuple[str, ...], ...
    ] = ()  # columns whose values are measured apart, or lists of crossed ones

    @classmethod
    def example(cls) -> dict[str, Any]:
        """Return one that is right."""
        return {"window": "1d", "timezone": "Europe/Berlin", "every": "5m", "reference": {"file": "train.parquet"},
                "segments": ["country", ["country", "channel"]]}  # fmt: skip


class Rule(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One alert rule: a metric of a series beyond a bound for so many windows in a row."""

    name: str  # unique in the ensemble
    metric: str  # one of docs/metrics.md
    above: float | None = None  # bound that the value must not exceed
    below: float | None = None  # bound that the value must not fall under
    windows: Windows = field(name="for", default_factory=lambda: Windows(1))  # how many in a row
    series: str = "fused"  # fused, a member, or "*" for each
    segment: str = ""
    feature: str = ""
    target: str = ""
    severity: Literal["info", "warning", "critical"] = "warning"
    runbook: str = ""

    @classmethod
    def example(cls) -> dict[str, Any]:
        """Return one that is right."""
        return {"name": "auc-drop", "metric": "roc_auc", "below": 0.85, "for": "2 windows"}


class Alerts(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is worth telling, and to whom."""

    rules: tuple[Literal["default"] | Rule, ...] = ("default",)  # default stands for the built-in rules
    sinks: tuple[str, ...] | None = None  # none: those that name the owner, else all

    @classmethod
    def example(cls) -> dict[str, Any]:
        """Return one that is right."""
        return {"rules": ["default", Rule.example()]}


class Ensemble(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Several models run as one, and how they are watched."""

    task: Literal["binary", "multiclass", "multilabel", "regression", "quantile"]  # what is predicted
    members: dict[str, Member]  # the models, at least one
    owner: str = ""  # who hears of it: sinks that name this owner
    classes: tuple[ClassName, ...] = ()  # every class, of a classification
    positive: ClassName | None = None  # the class that scores speak of, of a binary task
    features: Features = field(default_factory=Features)
    fusion: Fusion = field(default_factory=Fusion)
    cutoff: float | Literal["auto"] | None = None  # of the fused score; none: 0.5
    value: bool = False  # rows carry a value (money)
    costs: dict[str, dict[str, float]] = {}  # {actual class: {predicted class: cost}}; not named: 0
    answer: Answer = field(default_factory=Answer)
    labels: Labels = field(default_factory=Labels)
    monitor: Monitor = field(default_factory=Monitor)
    alerts: Alerts = field(default_factory=Alerts)

    @classmethod
    def example(cls) -> dict[str, Any]:
        """Return one that is right."""
        return {
            "task": "binary", "owner": "payments", "classes": ["legit", "fraud"], "positive": "fraud",
            "members": {"boost": Member.example(), "net": {"url": "http://triton:8000/v2/models/net"}},
            "features": Features.example(), "fusion": Fusion.example(), "answer": Answer.example(),
            "labels": Labels.example(), "monitor": Monitor.example(), "alerts": Alerts.example(),
        }  # fmt: skip


class Sink(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One way to reach people."""

    kind: Literal["log", "webhook", "file", "apprise"] | None = None  # none: webhook for http(s), else apprise
    url: SinkUrl | None = None  # where to send; may hold secrets, so it is never shown
    path: str | None = None  # of a file sink
    headers: dict[str, Secret] = {}  # of a webhook
    timeout: Duration = field(default_factory=lambda: Duration(10 * SECOND))  # of one try
    allow_private: bool = False  # a webhook may reach loopback and private addresses
    owners: tuple[str, ...] = ()  # ensembles of these owners only

    @property
    def resolved_kind(self) -> str:
        """The kind, taken from the URL where it is not named."""
        if self.kind is not None:
            return self.kind
        if self.url is None:
            return "file" if self.path else "log"
        return "webhook" if self.url.reveal().startswith(("http://", "https://")) else "apprise"

    @classmethod
    def example(cls) -> dict[str, Any]:
        """Return one that is right."""
        return {"kind": "webhook", "url": "https://hooks.example.com/x", "owners": ["payments"]}


class Report(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A report written regularly."""

    ensemble: str  # its name
    format: Literal["pdf", "html", "csv"] = "pdf"
    every: Literal["day", "week", "month"] = "week"
    folder: str = "reports"  # relative to the configuration
    to: tuple[str, ...] = ()  # sinks that are told where it lies

    @classmethod
    def example(cls) -> dict[str, Any]:
        """Return one that is right."""
        return {"ensemble": "fraud", "format": "pdf", "every": "week", "to": ["oncall"]}


class Token(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Who may do what; only the hash of the token is kept. ``choirmaster token new`` makes one."""

    name: str  # stands in the audit
    sha256: str  # hash of the token, 64 hexadecimal digits
    roles: tuple[Role, ...]  # what it may do, see docs/http.md

    @classmethod
    def example(cls) -> dict[str, Any]:
        """Return one that is right."""
        return {"name": "scorer", "sha256": "ab" * 32, "roles": ["score", "ingest"]}


class Tls(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The server's certificate and key, as PEM files."""

    cert: str  # file of the certificate chain
    key: str  # file of the private key

    @classmethod
    def example(cls) -> dict[str, Any]:
        """Return one that is right."""
        return {"cert": "tls/cert.pem", "key": "tls/key.pem"}


class Access(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Who reaches the server, and how."""

    listen: str = "127.0.0.1:8080"  # host:port; beyond loopback only with tokens, and TLS or a proxy in front
    tokens: tuple[Token, ...] = ()  # none: no token is asked for, on loopback only
    tls: Tls | None = None
    behind_proxy: bool = False  # a proxy in front of the server ends TLS
    hosts: tuple[str, ...] = ()  # further names under which the server is asked
    origins: tuple[str, ...] = ()  # further origins whose pages may call it

    @property
    def host(self) -> str:
        """The host part of ``listen``."""
        return self.listen.rpartition(":")[0].strip("[]")

    @property
    def port(self) -> int:
        """The port part of ``listen``."""
        return int(self.listen.rpartition(":")[2])

    @classmethod
    def example(cls) -> dict[str, Any]:
        """Return one that is right."""
        return {
            "listen": "192.0.2.1:8443",
            "tokens": [Token.example()],
            "tls": Tls.example(),
            "hosts": ["models.example.com"],
        }


class Config(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The whole of ``choirmaster.yaml``, with includes, defaults and variables resolved."""

    PRIVATE: ClassVar[tuple[str, ...]] = ("origins",)

    store: Address = field(default_factory=lambda: Address("./data"))  # a folder, relative to the configuration
    journal: str = ""  # folder of the journal; '': below the store where that is a folder, else ./journal
    ensembles: dict[str, Ensemble] = {}  # by name
    sinks: dict[str, Sink] = {}  # by name
    reports: tuple[Report, ...] = ()
    access: Access = field(default_factory=Access)
    origins: dict[str, str] = {}  # path -> where its value came from; not a key of the file

    @classmethod
    def example(cls) -> dict[str, Any]:
        """Return one that is right."""
        return {"store": "./data", "ensembles": {"fraud": Ensemble.example()}, "sinks": {"oncall": Sink.example()},
                "reports": [Report.example()], "access": Access.example()}  # fmt: skip


TYPES = (Config, Ensemble, Member, Features, Fusion, Calibration, Answer, Breaker, Hedge, Early, Labels, Reference,
         Monitor, Rule, Alerts, Sink, Report, Token, Tls, Access)  # fmt: skip
