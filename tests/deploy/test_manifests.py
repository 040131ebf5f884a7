"""The files of deploy/ are what their tools take, and start Respool with options that it has."""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from yamllint import linter
from yamllint.config import YamlLintConfig

from respool import running_server
from respool.commands.serve import serve

DEPLOY = Path(__file__).parents[2] / "deploy"
FILES = [*sorted(DEPLOY.rglob("*.yaml")), DEPLOY.parent / "compose.yml"]
MANIFESTS = [
    pytest.param(manifest, id=f"{path.name}-{manifest['kind']}-{manifest['metadata']['name']}")
    for path in sorted((DEPLOY / "kubernetes").glob("*.yaml"))
    for manifest in yaml.safe_load_all(path.read_text())
]
RULES = YamlLintConfig("{extends: default, rules: {line-length: {max: 110}, document-start: disable}}")


@pytest.mark.parametrize("path", FILES, ids=[path.name for path in FILES])
def test_a_file_is_sound_yaml(path: Path) -> None:
    assert [str(problem) for problem in linter.run(path.read_text(), RULES)] == []


@pytest.mark.parametrize("manifest", MANIFESTS)
def test_a_manifest_is_what_kubernetes_takes(manifest: dict[str, Any]) -> None:
    version = kubernetes_validate.latest_version()
    kubernetes_validate.validate(manifest, version, strict=True)


def test_an_update_starts_all_new_servers_before_an_old_one_ends() -> None:
    deployment = next(yaml.safe_load_all((DEPLOY / "kubernetes" / "respool.yaml").read_text()))
    assert deployment["spec"]["strategy"]["rollingUpdate"] == {"maxSurge": "100%", "maxUnavailable": 0}


def commands() -> list[list[str]]:
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    deployment = next(yaml.safe_load_all((DEPLOY / "kubernetes" / "respool.yaml").read_text()))
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    return [compose["services"]["respool-1"]["command"], container["args"]]


@pytest.mark.parametrize("command", commands(), ids=["compose", "kubernetes"])
def test_the_options_are_those_of_serve(command: list[str], tmp_path: Path) -> None:
    name, _, *options = command
    assert name == "serve"
    serve.make_context("serve", [str(tmp_path), *options])


def test_the_settings_of_nginx_are_what_nginx_takes(tmp_path: Path) -> None:
    if shutil.which("nginx") is None:
        pytest.skip("nginx is not installed: apt-get install nginx-light")
    text = (DEPLOY / "nginx.conf").read_text()
    for number in (1, 2, 3):  # names that lead somewhere
        text = text.replace(f"respool-{number}:8080", f"127.0.0.1:{number}")
    (tmp_path / "nginx.conf").write_text(f"pid {tmp_path}/pid;\n{text}")
    command = ["nginx", "-t", "-q", "-p", str(tmp_path), "-c", str(tmp_path / "nginx.conf")]
    checked = subprocess.run(command, capture_output=True, text=True)
    assert checked.returncode == 0, checked.stderr


def test_the_health_check_of_compose_tells_whether_it_runs() -> None:
    compose = yaml.safe_load((DEPLOY.parent / "compose.yml").read_text())
    how, python, *rest = compose["services"]["respool"]["healthcheck"]["test"]
    assert (how, python) == ("CMD", "python")
    with running_server(DEPLOY.parent / "fixtures/text") as running:
        port = running.url.rpartition(":")[2]
        check = [sys.executable, *(word.replace(":8080/", f":{port}/") for word in rest)]
        assert check[-1] != rest[-1]
        assert subprocess.run(check, capture_output=True).returncode == 0
    assert subprocess.run(check, capture_output=True).returncode != 0
