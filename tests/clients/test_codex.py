"""The Codex CLI over WebSocket: it warms up, gets its answer, and never falls back to HTTP.

It is found as `codex` on the PATH or in tests/node/node_modules; ``npm install @openai/codex`` gets it.
"""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from respool.testing import RunningServer

NODE_MODULES = Path(__file__).parents[1] / "node" / "node_modules" / ".bin"
CODEX = shutil.which("codex", path=os.pathsep.join([str(NODE_MODULES), os.environ.get("PATH", "")]))

CONFIG = """
model = "gpt-5.2"
model_provider = "respool"
[model_providers.respool]
name = "respool"
base_url = "{base_url}"
wire_api = "responses"
env_key = "RESPOOL_KEY"
supports_websockets = true
"""


@pytest.mark.skipif(CODEX is None, reason="the Codex CLI is not installed: npm install @openai/codex")
def test_codex_warms_up_and_answers_over_the_socket_alone(running: RunningServer, tmp_path: Path) -> None:
    assert CODEX
    home, work = tmp_path / "home", tmp_path / "work"
    home.mkdir()
    work.mkdir()
    (home / "config.toml").write_text(CONFIG.format(base_url=running.base_url_of("text/hello")))
    before = len(running.server.journal)

    done = subprocess.run(
        [CODEX, "exec", "--skip-git-repo-check", "Say hello."],
        cwd=work,
        env={**os.environ, "CODEX_HOME": str(home), "RESPOOL_KEY": "any"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert "A café is a good place to begin" in done.stdout
    exchanges = list(running.server.journal)[before:]
    assert {one.transport for one in exchanges if one.path.endswith("/responses")} == {"websocket"}
    answered = [one.recording for one in exchanges if one.method == "POST" and one.status == 200]
    assert answered[-1] == "text/hello"
