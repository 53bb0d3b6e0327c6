"""Runs a page's blocks of code as a reader would: one shell, from the first line to the last."""

import json
import shlex
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from portal.stack.options import PROJECT
from tests.docs.pages import blocks

BETWEEN = "== block"
# Different each time.
CHANGING = ("decided_at", "revision")


def run(page: Path, folder: Path, environment: Mapping[str, str], port: int) -> list[str]:
    """What each block printed; "" for those that show an answer. The first that fails ends it: CalledProcessError."""
    lines = ["set -eu", "trap 'echo \"block $number failed\" >&2' ERR", "set -E"]
    for number, block in enumerate(blocks(page)):
        lines += [f"echo '{BETWEEN}'", f"number={number}"]
        text = block.text.replace("127.0.0.1:8000", f"127.0.0.1:{port}")
        if block.language == "sh":
            lines.append(text.replace(".venv/bin/python", shlex.quote(sys.executable)))
        elif block.language == "python":
            program = folder / f"block-{number}.py"
            program.write_text(text)
            lines.append(f"PORTAL=$PORTAL KEY=$KEY {shlex.quote(sys.executable)} {shlex.quote(str(program))}")
    script = folder / "page.sh"
    script.write_text("\n".join(lines))
    done = subprocess.run(
        ["bash", script], cwd=PROJECT, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.split(f"{BETWEEN}\n")[1:]


def agree(shown: Any, answered: Any) -> bool:
    """Whether an answer is as the page shows it, but for what changes."""
    if isinstance(shown, dict):
        return shown.keys() == answered.keys() and all(
            type(value) is type(answered[name]) if name in CHANGING else agree(value, answered[name])
            for name, value in shown.items()
        )
    if isinstance(shown, list):
        return len(shown) == len(answered) and all(map(agree, shown, answered))
    return bool(shown == answered)


def shown_answers(page: Path, printed: list[str]) -> list[tuple[Any, Any]]:
    """(as the page shows it, as it came) of each block of JSON: the answer to the block before it."""
    return [
        (json.loads(block.text), json.loads(printed[number - 1]))
        for number, block in enumerate(blocks(page))
        if block.language == "json"
    ]
