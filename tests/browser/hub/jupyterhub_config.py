"""The hub of these tests: what deploy/jupyterhub_config.py says, on loopback, for two users."""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

from jupyterhub.spawner import LocalProcessSpawner

sys.path.append(str(Path(__file__).parents[2] / "notebooks"))
from system_users import setpriv

told = json.loads(os.environ["HUB_OF_THE_TESTS"])

c = get_config()  # noqa: F821
load_subconfig(told["course"] + "/deploy/jupyterhub_config.py")  # noqa: F821


class Spawner(LocalProcessSpawner):
    """As its parent, where users may not read the folder that the environment is in."""

    async def start(self) -> tuple[str, int]:
        self.cmd = [*setpriv(self.user.name), *c.Spawner.cmd]
        return await super().start()

    def make_preexec_fn(self, name: str) -> Callable[[], None]:
        return lambda: os.chdir(Path("~" + name).expanduser())


c.JupyterHub.spawner_class = Spawner
c.JupyterHub.bind_url = f"http://127.0.0.1:{told['port']}"
c.JupyterHub.hub_port = told["hub"]
c.ConfigurableHTTPProxy.api_url = f"http://127.0.0.1:{told['proxy']}"
c.ConfigurableHTTPProxy.command = told["command"]
c.JupyterHub.log_level = "WARN"
c.Spawner.args = [*c.Spawner.args, "--log-level=WARN"]
c.JupyterHub.authenticator_class = "dummy"
c.Authenticator.allowed_users = set(told["users"])
c.JupyterHub.services = [{"name": "tests", "api_token": told["token"]}]
c.JupyterHub.load_roles = [
    {"name": "tests", "services": ["tests"], "scopes": ["servers", "read:users"]}
]
c.Spawner.start_timeout = c.Spawner.http_timeout = 120
