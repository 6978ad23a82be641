"""The Spark engine: the same counting as everywhere, inside the executors; partial states are reduced by key.

What to do travels as bytes, the two functions that do it are named by where they are imported from, and what comes back
are packed states. Rows stay where they are.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from choirmaster.errors import DataError, MissingExtra, missing_extra

Step = Callable[[bytes, Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]
JAVA = 17
_LOCAL = {
    "spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1", "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false", "spark.sql.session.timeZone": "UTC",
    "spark.sql.execution.arrow.maxRecordsPerBatch": "49152", "spark.sql.legacy.parquet.nanosAsLong": "true",
}  # fmt: skip


def open_session(engine: Any = "spark") -> Any:
    """Return a Spark session: the one given, the active one, the one of ``spark-submit``, or a local one.

    A local one uses every processor, listens on the loopback interface only, and lasts until the program ends.

    Raises
    ------
    MissingExtra
        PySpark or a Java runtime is not installed.
    """
    if is_session(engine):
        return engine
    try:
        from pyspark.sql import SparkSession
    except ModuleNotFoundError:
        raise missing_extra("pyspark", "spark", purpose='engine="spark"') from None
    active = SparkSession.getActiveSession()
    if active is not None:
        return active
    if "PYSPARK_GATEWAY_PORT" in os.environ or "SPARK_REMOTE" in os.environ:  # spark-submit, or a Connect server
        return SparkSession.builder.getOrCreate()
    return local_session()


def local_session(processors: int | None = None, settings: dict[str, str] | None = None) -> Any:
    """Start Spark in this process, on the loopback interface."""
    from pyspark.sql import SparkSession

    require_java()
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)  # or the workers take another Python from PATH
    os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
    builder = SparkSession.builder.appName("choirmaster").master(f"local[{processors or '*'}]")
    for name, value in (_LOCAL | (settings or {})).items():
        builder = builder.config(name, value)
    return builder.getOrCreate()


def is_session(engine: Any) -> bool:
    """Tell whether something is a Spark session, classic or Connect."""
    return type(engine).__module__.startswith("pyspark.sql") and type(engine).__name__ == "SparkSession"


def is_frame(data: Any) -> bool:
    """Tell whether something is a Spark frame, classic or Connect."""
    return type(data).__module__.startswith("pyspark.sql") and type(data).__name__ == "DataFrame"


def require_java() -> None:
    """Refuse to start without a Java runtime of a version that Spark runs on."""
    home = os.environ.get("JAVA_HOME")
    java = str(Path(home) / "bin" / "java") if home else shutil.which("java")
    got = "none" if java is None or not Path(java).exists() else _java_version(java)
    if not got.isdigit() or int(got) < JAVA:
        raise MissingExtra(
            'engine="spark" needs a Java runtime', where="JAVA_HOME" if home else "PATH",
            expected=f"version {JAVA} or newer", got=got,
            fix=f"install it with: apt-get install openjdk-{JAVA}-jre-headless, and let JAVA_HOME name its folder",
        )  # fmt: skip


def _java_version(java: str) -> str:
    """Return the first number of a Java's version, such as 17; 8 calls itself 1.8."""
    try:
        done = subprocess.run([java, "-version"], capture_output=True, text=True, check=False, timeout=60)
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"one that does not run ({type(error).__name__})"
    quoted = done.stderr.partition('"')[2].partition('"')[0]
    return quoted.removeprefix("1.").partition(".")[0].partition("-")[0] or "one that does not tell its version"


def read_parquet(session: Any, paths: Sequence[str]) -> Any:
    """Return files or folders of Parquet as one frame; a column that some file lacks is null there."""
    return told(lambda: session.read.option("mergeSchema", "true").parquet(*paths), ", ".join(paths[:3]))


def map_reduce(
    frame: Any, columns: Sequence[str], work: bytes, *, count: Step, merge: Step, form: pa.Schema, keys: Sequence[str]
) -> pa.Table:
    """Count each partition of some columns, bring rows of equal key together in order, and add them up.

    Parameters
    ----------
    frame : Spark DataFrame
    columns : sequence of str
        What ``count`` is given, by position: the names on the way are ``c0``, ``c1``, ...
    work : bytes
        Handed to both steps as it is.
    count, merge : functions
        Importable on the executors by their module and name: bytes and batches in, batches of ``form`` out. ``merge``
        sees rows of equal ``keys`` one after the other.
    """
    from pyspark.sql import functions
    from pyspark.sql.pandas.types import from_arrow_schema

    def run() -> pa.Table:
        spark_form = from_arrow_schema(form)
        chosen = [functions.col(_quoted(name)).alias(f"c{index}") for index, name in enumerate(columns)]
        partial = frame.select(*chosen).mapInArrow(_bound(count, work), spark_form)
        together = partial.repartition(*keys).sortWithinPartitions(*keys)
        return together.mapInArrow(_bound(merge, work), spark_form).toArrow()

    return told(run, "Spark").cast(form)


def head(frame: Any, rows: int) -> pa.Table:
    """Return at most so many rows of a frame."""
    return told(lambda: frame.limit(rows).toArrow(), "Spark")


def told(run: Callable[[], Any], where: str) -> Any:
    """Do something with Spark; what fails is told in one line."""
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="PySpark does not yet fully support pandas")  # not used here
            return run()
    except Exception as error:
        if not type(error).__module__.startswith(("pyspark.", "py4j.")):
            raise
        raise DataError("Spark could not do it", where=where, got=_reason(str(error))) from error


def _reason(text: str) -> str:
    r"""Return the line that says why: where an executor's Python failed its last one, else Spark's first.

    >>> _reason("[X] thrown: Traceback (most recent call last):\n  File ...\nValueError: no work\n SQLSTATE: 38000")
    'ValueError: no work'
    """
    lines = text.partition("JVM stacktrace:")[0].rpartition("Traceback (most recent call last):")[2].splitlines()
    said = [line for line in lines if line.strip() and not line.startswith((" ", "\t"))]
    return (said[0].removeprefix("choirmaster.errors.") if said else "no message")[:400]


def _bound(step: Step, work: bytes) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    def bound(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        return step(work, batches)

    return bound


def _quoted(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"
