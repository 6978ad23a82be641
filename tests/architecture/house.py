"""What no file of the project may hold: pure functions from a file's name and text to complaints."""

from __future__ import annotations

import re

MAX_LINES = 400

# Written in pieces, so that this file does not hold what it looks for.
REGISTRY_HOSTS = tuple(
    ".".join(parts)
    for parts in (
        ("pypi", "org"), ("files", "pythonhosted", "org"), ("test", "pypi", "org"), ("registry", "npmjs", "org"),
        ("conda", "anaconda", "org"), ("repo1", "maven", "org"), ("repo", "maven", "apache", "org"), ("crates", "io"),
        ("proxy", "golang", "org"), ("registry", "hub", "docker", "com"), ("huggingface", "co"),
    )
)  # fmt: skip
MACHINE_PATHS = re.compile(r"(?<![\w./$}~-])/(?:work|home/\w+|root|Users/\w+|opt/wheels)(?=/|\b)(?!\w)")
LEFT_OPEN = re.compile(r"\b(?:" + "|".join(("TO" + "DO", "FIX" + "ME", "XX" + "X")) + r")\b")
BARE_TYPE_IGNORE = re.compile(r"# type: " + r"ignore(?!\[[\w, -]+\]\s+#\s*\S)")


def complaints(name: str, text: str) -> list[str]:
    """List what is wrong with one text file, each with its line."""
    found = []
    for number, line in enumerate(text.splitlines(), start=1):
        found += [f"{name}:{number}: names the registry host {host}" for host in REGISTRY_HOSTS if host in line.lower()]
        if path := MACHINE_PATHS.search(line):
            found.append(f"{name}:{number}: names a path of one machine: {path.group()}")
        if name.endswith(".py") and LEFT_OPEN.search(line):
            found.append(f"{name}:{number}: leaves something open")
        if name.endswith(".py") and BARE_TYPE_IGNORE.search(line):
            found.append(f"{name}:{number}: an ignored type error needs its code and a reason behind it")
    if name.startswith("src/") and name.endswith(".py") and len(text.splitlines()) > MAX_LINES:
        found.append(f"{name}: {len(text.splitlines())} lines, at most {MAX_LINES}: two ideas may share one name")
    return found
