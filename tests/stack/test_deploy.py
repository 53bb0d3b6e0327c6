"""What is in deploy/: it names variables, commands, paths and programs that there are. No engine has run it here."""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.core.management import get_commands
from django.urls import resolve

from portal.stack.options import PROJECT
from portal.stack.programs import PROGRAMS
from tests.stack.test_checks import _manage

DEPLOY = PROJECT / "deploy"
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
YAMLS = sorted(DEPLOY.rglob("*.y*ml"))
MANIFESTS = sorted((DEPLOY / "kubernetes").glob("*.yaml"))
SERVERS = ("postgres", "redis")
# Of others: the interpreter's, and the servers' images'.
FOREIGN = {"PATH", "PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE", "POSTGRES_USER", "POSTGRES_DB", "POSTGRES_PASSWORD"}
PYTHON = "/opt/chargeward/current/.venv/bin/python"


def read_by_us() -> set[str]:
    """Variables that the settings or the processes' entry read."""
    files = ("portal/settings.py", "portal/stack/options.py")
    calls = re.compile(r'(?:env\.str|_flag|_number|environ\.get)\(\s*(?:environ, )?"([A-Z_]+)"')
    return {name for file in files for name in calls.findall((PROJECT / file).read_text())}


def documents() -> Iterator[dict[str, Any]]:
    for path in MANIFESTS:
        yield from yaml.safe_load_all(path.read_text())


def containers() -> dict[str, dict[str, Any]]:
    """Each manifest's pod by the name of its workload."""
    found = {}
    for document in documents():
        if document["kind"] in ("Deployment", "Job"):
            found[document["metadata"]["name"]] = document["spec"]["template"]["spec"]["containers"][0]
    return found


def compose() -> dict[str, Any]:
    return dict(yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"])


def named() -> Iterator[tuple[str, str]]:
    """(file, variable), of everything that sets one."""
    for unit in UNITS:
        for line in re.findall(r"(?m)^Environment=(.*)$", unit.read_text()):
            yield from ((unit.name, pair.split("=")[0]) for pair in line.split())
    example = (DEPLOY / "systemd" / "environment.example").read_text()
    yield from (("environment.example", name) for name in re.findall(r"(?m)^([A-Z_]+)=", example))
    block = re.search(r"(?s)\nENV PATH(=.*?[^\\])\n", (PROJECT / "Containerfile").read_text())
    assert block is not None
    yield from (("Containerfile", name) for name in re.findall(r"(?m)^ *([A-Z_]+)=", block[1]))
    for name, service in compose().items():
        yield from ((f"compose.yaml: {name}", variable) for variable in service.get("environment", {}))
    for document in documents():
        if document["kind"] in ("ConfigMap", "Secret"):
            values = document.get("data") or document["stringData"]
            yield from (("config.yaml", variable) for variable in values)


def commands() -> Iterator[tuple[str, list[str]]]:
    """(where, words after the interpreter), of everything that starts a process of ours."""
    for unit in UNITS:
        for line in re.findall(rf"(?m)^Exec\w+={re.escape(PYTHON)} (.*)$", unit.read_text()):
            yield unit.name, line.split()
    for name, service in compose().items():
        if name not in SERVERS:
            yield f"compose.yaml: {name}", _words(service.get("entrypoint"), service["command"])
    for name, container in containers().items():
        yield name, _words(container.get("command"), container.get("args", []))
        hook = container.get("lifecycle", {}).get("preStop", {}).get("exec", {}).get("command")
        if hook:
            yield f"{name}: preStop", hook[1:]


def _words(entry: list[str] | None, arguments: list[str]) -> list[str]:
    """As the image's ENTRYPOINT has it where there is no other."""
    return [*(entry or ["python", "-m", "portal.stack"])[1:], *arguments]


def test_variables_are_ones_that_are_read() -> None:
    found = list(named())
    assert len({file for file, _ in found}) > 10
    assert not [(file, name) for file, name in found if name not in read_by_us() | FOREIGN]


def test_commands_are_ones_that_there_are() -> None:
    found = list(commands())
    assert len(found) >= 15
    for where, words in found:
        if words[:2] == ["-m", "portal.stack"]:
            assert words[2] in PROGRAMS, where
        else:
            assert words[0] == "manage.py", where
            assert words[1] in get_commands(), where


def test_probes_name_paths_that_there_are() -> None:
    web = containers()["chargeward-web"]
    probes = {name: web[f"{name}Probe"]["httpGet"] for name in ("startup", "liveness", "readiness")}
    assert {name: probe["path"] for name, probe in probes.items()} == {
        "startup": "/healthz",
        "liveness": "/healthz",
        "readiness": "/readyz",
    }
    config = next(each for each in documents() if each["kind"] == "ConfigMap")["data"]
    for probe in probes.values():
        assert resolve(probe["path"])
        assert {"name": "Host", "value": config["ALLOWED_HOSTS"]} in probe["httpHeaders"]
    assert resolve(re.search(r"uri (\S+)", (DEPLOY / "haproxy.cfg").read_text())[1])  # type: ignore[index]
    assert "'/healthz'" in (PROJECT / "Containerfile").read_text()


def test_every_image_has_a_version() -> None:
    images = re.findall(r"(?m)^FROM (\S+)", (PROJECT / "Containerfile").read_text())
    images += [service["image"] for service in compose().values()]
    images += [container["image"] for container in containers().values()]
    assert len(images) > 10
    for image in images:
        assert re.search(r":\d+\.\d+(\.\d+)?(-[a-z-]+)?$", image), image


def test_a_rolling_upgrade_takes_no_node_away() -> None:
    found = {(each["kind"], each["metadata"]["name"]): each["spec"] for each in documents() if "spec" in each}
    web, beat = found["Deployment", "chargeward-web"], found["Deployment", "chargeward-beat"]
    assert web["strategy"]["rollingUpdate"]["maxUnavailable"] == 0
    assert web["replicas"] >= 2
    assert found["PodDisruptionBudget", "chargeward-web"]["minAvailable"] >= 1
    assert (beat["replicas"], beat["strategy"]["type"]) == (1, "Recreate")
    for (kind, name), spec in found.items():
        labels = spec.get("template", {}).get("metadata", {}).get("labels")
        if kind == "Deployment":
            assert spec["selector"]["matchLabels"] == labels
            pod = spec["template"]["spec"]
            assert pod["securityContext"]["runAsNonRoot"], name
            mounts = {mount["name"] for mount in pod["containers"][0]["volumeMounts"]}
            assert mounts == {volume["name"] for volume in pod["volumes"]}, name
    served = found["Service", "chargeward-web"]["selector"]
    assert served == web["selector"]["matchLabels"]
    assert served == found["PodDisruptionBudget", "chargeward-web"]["selector"]["matchLabels"]


def test_the_image_gets_what_it_runs() -> None:
    """What the image leaves out is not asked for: every package that is imported, and what manage.py finds."""
    lines = (PROJECT / ".containerignore").read_text().splitlines()
    kept = {line[1:] for line in lines if line.startswith("!")}
    assert lines[0] == "*"
    wanted = {path.parent.name for path in PROJECT.glob("*/__init__.py")} - {"tests"}
    assert wanted | {"templates", "static", "locale", "manage.py", "requirements.lock"} <= kept
    assert all((PROJECT / name).exists() for name in kept)


def test_the_example_environment_is_one_to_run_with() -> None:
    text = (DEPLOY / "systemd" / "environment.example").read_text()
    values = dict(re.findall(r"(?m)^([A-Z_]+)=(.*)$", text))
    assert not values["SECRET_KEY"]
    done = _manage(
        "check", "--deploy", "--fail-level", "WARNING", **values | {"SECRET_KEY": "0123456789abcdefghij" * 3}
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not on this machine")
def test_systemd_takes_the_units(tmp_path: Path) -> None:
    for path in (*UNITS, DEPLOY / "systemd" / "chargeward.target"):
        # It looks whether the program is there.
        (tmp_path / path.name).write_text(path.read_text().replace(PYTHON, sys.executable))
    done = subprocess.run(
        ["systemd-analyze", "verify", *map(str, tmp_path.iterdir())],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    # Warnings, such as for a word that it does not know, do not make it fail.
    assert not [line for line in done.stderr.splitlines() if str(tmp_path) in line or "chargeward" in line], done.stderr


def test_units_wait_for_what_they_stop() -> None:
    """Longer than the drain and granian need."""
    from portal.management.commands.drain import SHIP_SECONDS
    from portal.settings import DRAIN_SECONDS
    from portal.stack.programs import FINISH_SECONDS

    needed = DRAIN_SECONDS + SHIP_SECONDS + FINISH_SECONDS
    text = (DEPLOY / "systemd" / "chargeward-web@.service").read_text()
    assert int(re.search(r"TimeoutStopSec=(\d+)", text)[1]) > needed  # type: ignore[index]
    web = next(each for each in documents() if each["metadata"]["name"] == "chargeward-web")
    assert web["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] > needed
