"""JupyterHub for a class that takes the course; hub.md beside this file explains it.

Let your own configuration begin with ``load_subconfig("/opt/course/deploy/jupyterhub_config.py")``.
Who may log in, addresses, TLS and limits are yours to set.
"""

import pwd
import subprocess
from pathlib import Path

from jupyterhub.spawner import LocalProcessSpawner

COURSE = Path(__file__).resolve().parents[1]

c = get_config()  # noqa: F821

c.Spawner.cmd = [f"{COURSE}/.venv/bin/jupyterhub-singleuser"]
c.Spawner.notebook_dir = "~/course"
c.Spawner.default_url = "/lab/tree/notebooks/00_start_here.ipynb"
# Any user of this machine can listen to kernels that talk over TCP; these use sockets in a folder.
c.Spawner.args = ["--KernelManager.transport=ipc"]
c.Spawner.environment = {
    # Traces and progress, for kernels and for the tile that leads to Phoenix alike.
    "COURSE_STATE_DIR": lambda spawner: f"{home_of(spawner)}/.course",
    # A socket's path has 107 bytes at most, and Jupyter's own folder leaves 28 of them for a home.
    "JUPYTER_RUNTIME_DIR": lambda spawner: f"{home_of(spawner)}/.jupyter-run",
    # The course's settings of JupyterLab: no news; closing a notebook ends its kernel and Phoenix.
    "JUPYTER_CONFIG_PATH": f"{COURSE}/scripts/lab",
}


def home_of(spawner: LocalProcessSpawner) -> str:
    """Return the user's home folder."""
    return pwd.getpwnam(spawner.user.name).pw_dir


def bring_the_course(spawner: LocalProcessSpawner) -> None:
    """Give the user what is missing in their course folder, as the user: the hub is root."""
    user = pwd.getpwnam(spawner.user.name)
    folder = Path(home_of(spawner), "course")
    parts = [COURSE / name for name in ("notebooks", "data", "deploy", ".env.example")]
    for command in (
        ["mkdir", "--parents", "--mode=700", folder],
        ["cp", "--recursive", "--no-clobber", *parts, folder],
    ):
        subprocess.run(
            command, user=user.pw_uid, group=user.pw_gid, extra_groups=[], cwd="/", check=True
        )


c.Spawner.pre_spawn_hook = bring_the_course
