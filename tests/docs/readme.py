"""Reading Markdown: fenced blocks with their language."""

from __future__ import annotations

import re
from pathlib import Path

TOP = Path(__file__).parents[2]


def blocks(text: str) -> list[tuple[str, str]]:
    """Return (language, body) of each fenced block."""
    return re.findall(r"^```(\w*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def examples(text: str) -> list[tuple[str, str]]:
    """Return each python block with the text block that follows it: what it prints."""
    found = blocks(text)
    pairs = []
    for at, (language, body) in enumerate(found):
        if language == "python":
            after = found[at + 1] if at + 1 < len(found) else ("", "")
            assert after[0] == "text", f"no output stands below:\n{body}"
            pairs.append((body, after[1]))
    return pairs


def commands(text: str) -> list[str]:
    """Return the command lines of blocks without a language."""
    lines = [line for language, body in blocks(text) if language in {"", "console", "sh"} for line in body.splitlines()]
    return [line.strip() for line in lines if re.match(r"(choirmaster|make|pip)\b", line.strip())]
