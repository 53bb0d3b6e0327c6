"""`python -m tests.benchmarks [NAME …]`: runs the benchmarks of these names, or all there are.

A benchmark is a module of this package with `run(print) -> dict[str, float]`: figures by name, printed as they come.
"""

import importlib
import os
import pkgutil
import sys
import time
from pathlib import Path
from types import ModuleType

import django


def available() -> dict[str, ModuleType]:
    """Every benchmark by its name, in the order of the alphabet."""
    names = sorted(module.name for module in pkgutil.iter_modules([str(Path(__file__).parent)]))
    modules = {name: importlib.import_module(f"tests.benchmarks.{name}") for name in names if name != "__main__"}
    return {name: module for name, module in modules.items() if hasattr(module, "run")}


def main(wanted: list[str]) -> int:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
    django.setup()
    modules = available()
    unknown = [name for name in wanted if name not in modules]
    if unknown:
        print(f"No benchmark {', '.join(unknown)}. There are: {', '.join(modules)}.", file=sys.stderr)
        return 2
    for name in wanted or modules:
        print(f"== {name}", flush=True)
        started = time.perf_counter()
        modules[name].run(print)
        print(f"   {time.perf_counter() - started:.1f} s in all\n", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
