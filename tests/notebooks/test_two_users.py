"""Two users of a hub on one host."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from .conftest import Kernel


def test_two_users_on_one_host_do_not_meet(
    start_kernel: Callable[[Mapping[str, str]], Kernel], tmp_path: Path
) -> None:
    kernels = {}
    for user in ("ada", "bob"):
        kernels[user] = start_kernel(
            {
                "COURSE_STATE_DIR": str(tmp_path / user),
                "JUPYTERHUB_SERVICE_PREFIX": f"/user/{user}/",
            }
        )
        outputs = kernels[user].open_course("00_start_here")
        assert [output.error for output in outputs] == ["", ""]
        kernels[user].run(f"""
            with tracer_provider.get_tracer("hub").start_as_current_span("{user}") as span:
                pass
        """)
    ports = {user: kernel.ask("course.port") for user, kernel in kernels.items()}
    assert len(set(ports.values())) == 2
    for user, kernel in kernels.items():
        assert kernel.ask("[one.name for one in course.read_back(span)]") == [user]
        assert kernel.ask("[one.name for one in course.fetch()]") == [user]
        url = kernel.ask("course.link(span).url")
        assert url.startswith(f"/user/{user}/proxy/{ports[user]}/redirects/traces/")
        assert Path(kernel.ask("str(course.traces_folder)")).is_relative_to(tmp_path / user)
