"""The tile in JupyterLab's launcher that opens Phoenix in a tab.

Found by jupyter-server-proxy through the entry point group ``jupyter_serverproxy_servers``. It
imports nothing: JupyterLab loads it at every start.
"""

import sys
from pathlib import Path
from typing import Any


def phoenix() -> dict[str, Any]:
    """Return what jupyter-server-proxy starts when the tile is clicked."""
    return {
        "command": [
            sys.executable,
            "-c",  # with -m Python warns: the package has imported the module by then
            "from rag_tutorials.course.embedded.running import main; main()",
            "--port",
            "{port}",
        ],
        "timeout": 30,
        "new_browser_tab": False,
        "launcher_entry": {
            "title": "Phoenix",
            "category": "Notebook",
            "icon_path": str(Path(__file__).with_suffix(".svg")),
        },
    }
