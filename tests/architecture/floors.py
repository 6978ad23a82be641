"""The floors of docs/architecture.md as a table, and pure functions that hold a source file against it.

`check(module, source, modules)` takes the dotted name of a file, its text and the set of all modules, and returns the
list of what is wrong. Imports inside functions count like those at the top; relative imports are resolved first.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

ROOT = "choirmaster"

FLOORS: dict[str, int] = {
    **dict.fromkeys(("errors", "values", "times", "ids", "layout", "schema", "records", "guess", "costs"), 0),
    **dict.fromkeys(("kernels", "states", "metrics", "drift", "detect", "estimate", "fusion", "weights", "alerts"), 1),
    **dict.fromkeys(("config", "plan", "catalogue", "overlay", "ports"), 2),
    **dict.fromkeys(("estimators", "members", "stores", "sources", "engines", "sinks", "exporters"), 3),
    **dict.fromkeys(("serve", "record", "join", "watch", "notify", "lifecycle", "operate"), 4),
    **dict.fromkeys(("cli", "http", "dashboard", "reports", "api", "client"), 5),
    **dict.fromkeys(("app", "__main__"), 6),
}
EXAMPLE = "demo"  # a program written against the public face, not a floor

# What a floor may import besides its own family (the first name below the package).
BELOW: dict[int, frozenset[int]] = {
    0: frozenset({0}),
    1: frozenset({0, 1}),
    2: frozenset({0, 1, 2}),
    3: frozenset({0, 1, 2}),
    4: frozenset({0, 1, 2}),
    5: frozenset({0, 1, 2, 4}),
    6: frozenset({0, 1, 2, 3, 4, 5}),
}

# Single permissions, each with its reason.
PERMITTED: dict[tuple[str, str], str] = {
    ("api", "reports"): "a notebook renders what it measured",
    ("__main__", "app"): "the console script starts the composition",
    ("app", "demo"): "the composition knows every name",
    ("__main__", "demo"): "the same",
    ("demo", "api"): "the public face",
    ("demo", "client"): "the public face",
    ("demo", "errors"): "what a user may catch",
}
# Allowed inside functions only: loaded when called.
PERMITTED_LATE: dict[tuple[str, str], str] = {
    ("api", "app"): "the frame API composes engines and services when it is called",
    ("cli", "demo"): "the command starts the example program",
}

# Adapters that have siblings: none knows another; what is shared has a name of its own.
SIBLINGS: dict[str, frozenset[str]] = {
    "members": frozenset({"local", "onnx", "remote_v2", "mlflow", "fake"}),
    "stores": frozenset({"lake", "postgres", "mysql"}),
    "sources": frozenset({"files", "sql", "stream"}),
    "engines": frozenset({"local", "spark"}),
}

# Libraries from outside, on the floors where they are counted; entrances and the composition are free.
LIBRARIES: dict[int, frozenset[str]] = {
    0: frozenset({"pyarrow"}),
    1: frozenset({"pyarrow", "numpy", "scipy", "numba"}),
    2: frozenset({"pyarrow", "numpy", "msgspec", "yaml"}),
}
LIBRARIES[4] = frozenset({"pyarrow", "numpy", "msgspec", "structlog"})
# An adapter's libraries, besides those of floor 4.
ADAPTER_LIBRARIES: dict[str, frozenset[str]] = {
    "estimators": frozenset({"sklearn", "scipy", "joblib", "lightgbm", "xgboost", "threadpoolctl"}),
    "members": frozenset({
        "sklearn", "skops", "onnx", "onnxruntime", "skl2onnx", "threadpoolctl", "httpx", "mlflow", "lightgbm",
        "xgboost", "pandas", "joblib",
    }),
    "stores": frozenset({"sqlalchemy", "alembic", "deltalake", "duckdb", "psycopg", "pymysql"}),
    "sources": frozenset({"sqlalchemy", "duckdb", "faststream"}),
    "engines": frozenset({"numba", "pyspark"}),
    "sinks": frozenset({"httpx", "apprise"}),
    "exporters": frozenset({"prometheus_client"}),
}  # fmt: skip
CLIENT_LIBRARIES = frozenset({"httpx", "pyarrow", "numpy", "msgspec"})

# Floors 0 to 2 take time, chance and data as arguments. Modules they never import:
WORLD_MODULES = frozenset({
    "time", "socket", "ssl", "random", "secrets", "tempfile", "subprocess", "shutil", "glob", "sqlite3", "select",
    "urllib.request", "http.client", "http.server", "ftplib", "smtplib", "mmap", "multiprocessing", "signal", "io.open",
    "pyarrow.parquet", "pyarrow.dataset", "pyarrow.fs", "pyarrow.csv", "pyarrow.json", "pyarrow.flight",
})  # fmt: skip
# Names they never use, whatever they are called locally:
WORLD_NAMES = frozenset({
    "open", "input", "io.open", "os", "datetime.datetime.now", "datetime.datetime.utcnow", "datetime.datetime.today",
    "datetime.date.today", "uuid.uuid1", "uuid.uuid4", "numpy.load", "numpy.save", "numpy.savez",
    "numpy.savez_compressed", "numpy.fromfile", "numpy.loadtxt", "numpy.genfromtxt", "numpy.memmap", "numpy.random",
    "pyarrow.memory_map", "pyarrow.OSFile", "pyarrow.input_stream", "pyarrow.output_stream",
    "pathlib.Path.cwd", "pathlib.Path.home",
    "sys.argv", "sys.stdin",
})  # fmt: skip
WORLD_METHODS = frozenset({"read_text", "read_bytes", "write_text", "write_bytes", "iterdir", "tofile"})
HARMLESS = frozenset({"os.PathLike", "os.fspath"})
# Generators that are given their seed, and the types that say so.
SEEDED = frozenset(
    f"numpy.random.{name}" for name in ("default_rng", "SeedSequence", "PCG64", "Philox", "Generator", "BitGenerator")
)
SEED_OPTIONAL = SEEDED - {"numpy.random.Generator", "numpy.random.BitGenerator"}


@dataclass(frozen=True)
class Import:
    """One imported module: where, and whether it is loaded only when a function is called."""

    target: str
    line: int
    late: bool
    typing_only: bool


def family(module: str) -> str:
    """Return the first name below the package: 'stores' for 'choirmaster.stores.lake'; '' for the package itself."""
    return module.removeprefix(ROOT).removeprefix(".").partition(".")[0]


def is_typing_guard(node: ast.AST) -> bool:
    """Tell whether a node is `if TYPE_CHECKING:`."""
    return isinstance(node, ast.If) and ast.unparse(node.test) in {"TYPE_CHECKING", "typing.TYPE_CHECKING"}


def walk(tree: ast.AST, late: bool = False, typing_only: bool = False) -> Iterator[tuple[ast.AST, bool, bool]]:
    """Yield each node with: is it inside a function, is it only for the type checker."""
    for child in ast.iter_child_nodes(tree):
        inside = late or isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        checker = typing_only or is_typing_guard(child)
        yield child, inside, checker
        yield from walk(child, inside, checker)


def absolute(module: str, is_package: bool, node: ast.ImportFrom) -> str:
    """Return the dotted name of what `from ... import` reads, relative ones resolved."""
    if not node.level:
        return node.module or ""
    parts = module.split(".")
    keep = len(parts) - node.level + (1 if is_package else 0)
    return ".".join([*parts[:keep], *([node.module] if node.module else [])])


def imports(module: str, source: str, modules: AbstractSet[str], is_package: bool = False) -> list[Import]:
    """List what a file imports, each name that is itself a module as that module."""
    found = []
    for node, late, checker in walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found += [Import(name.name, node.lineno, late, checker) for name in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = absolute(module, is_package, node)
            for name in node.names:
                whole = f"{base}.{name.name}"
                is_module = whole in modules or whole in WORLD_MODULES or (base == ROOT and name.name in FLOORS)
                found.append(Import(whole if is_module else base, node.lineno, late, checker))
        elif isinstance(node, ast.Call) and (named := imported_by_name(node)):
            found.append(Import(named, node.lineno, late, checker))
    return found


def imported_by_name(call: ast.Call) -> str | None:
    """Return the module that a call such as `importlib.import_module("a.b")` names, or None."""
    if ast.unparse(call.func) not in {"importlib.import_module", "import_module", "__import__"} or not call.args:
        return None
    name = call.args[0].value if isinstance(call.args[0], ast.Constant) else None
    return name if isinstance(name, str) else None


def check_inner(module: str, item: Import) -> str | None:
    """Say what is wrong with an import of our own package, or None."""
    here, there = family(module), family(item.target)
    if here == there and here != "":
        return check_siblings(module, item.target)
    if here == "":  # the package's own file: names are exported when first asked for
        early_ok = there == "" or FLOORS.get(there) == 0 or item.late or item.typing_only
        return None if early_ok and there != "app" else f"the package file imports {item.target} at its top"
    if there == "":
        return None if here in {EXAMPLE, "__main__", "app", "cli"} else f"imports the public face {ROOT} from inside"
    if (here, there) in PERMITTED:
        return None
    if (here, there) in PERMITTED_LATE:
        return None if item.late or item.typing_only else f"imports {item.target} outside a function"
    if here == EXAMPLE:
        return f"the example imports {item.target}, which is not the public face"
    if there not in FLOORS:
        return f"imports {item.target}, which has no floor"
    if here == "client":
        return None if FLOORS[there] == 0 else f"the client needs floor 0 only, imports {item.target}"
    if FLOORS[there] not in BELOW[FLOORS[here]]:
        return f"floor {FLOORS[here]} imports {item.target} of floor {FLOORS[there]}"
    return None


def check_siblings(module: str, target: str) -> str | None:
    """Say what is wrong with an import inside one family, or None."""
    known = SIBLINGS.get(family(module), frozenset())
    here, there = ((*name.split("."), "", "")[2] for name in (module, target))
    if here in known and there in known and here != there:
        return f"adapter {module} imports its sibling {target}"
    return None


def check_outer(module: str, item: Import) -> str | None:
    """Say what is wrong with an import from outside the package, or None."""
    here = family(module)
    top = item.target.partition(".")[0]
    floor = 0 if here == "" else FLOORS.get(here, 6)
    if top == "__future__":
        return None
    if (
        floor <= 2
        and here != ""
        and any(item.target == name or item.target.startswith(name + ".") for name in WORLD_MODULES)
    ):
        return f"floor {floor} imports {item.target}: time, chance and data arrive as arguments"
    if top in sys.stdlib_module_names or (item.typing_only and floor > 2):
        return None
    if here == "client":
        return None if top in CLIENT_LIBRARIES else f"the client imports {top}"
    allowed = LIBRARIES[4] | ADAPTER_LIBRARIES[here] if floor == 3 else LIBRARIES.get(floor)
    if allowed is not None and top not in allowed:
        return f"floor {floor} imports {top}; allowed: {', '.join(sorted(allowed))}"
    return None


def local_names(tree: ast.AST) -> dict[str, str]:
    """Map each imported local name to its dotted name."""
    names: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for name in node.names:
                names[name.asname or name.name.partition(".")[0]] = (
                    name.name if name.asname else name.name.partition(".")[0]
                )
        elif isinstance(node, ast.ImportFrom) and not node.level:
            for name in node.names:
                names[name.asname or name.name] = f"{node.module}.{name.name}"
    return names


def dotted(node: ast.AST, names: dict[str, str]) -> str | None:
    """Return the dotted name that an expression such as `dt.datetime.now` stands for, or None."""
    if isinstance(node, ast.Name):
        return names.get(node.id, node.id)
    if isinstance(node, ast.Attribute):
        base = dotted(node.value, names)
        return f"{base}.{node.attr}" if base else None
    return None


def is_world(name: str) -> bool:
    """Tell whether a dotted name reads a clock, a file, a socket, the environment or a global generator."""
    if any(name == harmless or name.startswith(harmless + ".") for harmless in HARMLESS | SEEDED):
        return False
    return any(name == world or name.startswith(world + ".") for world in WORLD_NAMES | WORLD_MODULES)


def check_purity(source: str) -> Iterator[str]:
    """Yield each place where a file of floors 0 to 2 touches the world by itself."""
    tree = ast.parse(source)
    names = local_names(tree)
    bound = {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
    bound |= {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    bound |= {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    fine = set(in_memory(tree, names))
    for local, name in names.items():
        if is_world(name) and not is_prefix_of_harmless(name):
            yield f"imports {name} as {local}"
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = dotted(node.func, names) or ""
            if name in SEED_OPTIONAL and not node.args and not node.keywords:
                yield f"line {node.lineno}: {name}() without a seed"
            if isinstance(node.func, ast.Attribute) and node.func.attr in WORLD_METHODS:
                yield f"line {node.lineno}: .{node.func.attr}()"
        if isinstance(node, ast.Attribute | ast.Name) and isinstance(node.ctx, ast.Load) and node not in fine:
            first = ast.unparse(node).partition(".")[0]
            name = dotted(node, names)
            imported = first in names
            builtin = isinstance(node, ast.Name) and first in {"open", "input"} and first not in bound
            if name and (imported or builtin) and is_world(name) and not is_prefix_of_harmless(name):
                yield f"line {node.lineno}: {name}"


def in_memory(tree: ast.AST, names: dict[str, str]) -> Iterator[ast.AST]:
    """Yield the functions of calls such as `np.load(io.BytesIO(data))`, which read bytes that were handed in."""

    def is_buffer(node: ast.AST) -> bool:
        return isinstance(node, ast.Call) and dotted(node.func, names) == "io.BytesIO"

    buffers = {
        target.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and is_buffer(node.value)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and node.args and (dotted(node.func, names) or "").startswith("numpy."):
            first = node.args[0]
            if is_buffer(first) or (isinstance(first, ast.Name) and first.id in buffers):
                yield node.func


def is_prefix_of_harmless(name: str) -> bool:
    """Tell whether a name is only the way to a harmless one (`os` in `os.PathLike`)."""
    return name in {"os", "numpy.random"}


def check(module: str, source: str, modules: AbstractSet[str], is_package: bool = False) -> list[str]:
    """List everything that is wrong with one file."""
    here = family(module)
    if here not in FLOORS and here not in {"", EXAMPLE}:
        return [f"{module}: no floor is known for it"]
    wrong = []
    for item in imports(module, source, modules, is_package):
        inner = item.target == ROOT or item.target.startswith(ROOT + ".")
        problem = check_inner(module, item) if inner else check_outer(module, item)
        if problem:
            wrong.append(f"{module}, line {item.line}: {problem}")
    if FLOORS.get(here, 6) <= 2:
        wrong += [f"{module}, {problem}" for problem in check_purity(source)]
    return wrong
