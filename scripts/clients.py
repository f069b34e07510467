"""Drive the stub with the clients that students use, each at its newest, and say which get through.

``python scripts/course.py clients [NAME ...]`` runs this in the course's environment. Each client
has an environment of its own in .course/clients, made or renewed on demand; nothing of them is in
the course's lock. What is run is in tests/clients.
"""

import argparse
import os
import subprocess
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from _run import uv_settings, venv_python
from _setup import Checkout

from rag_tutorials.stub_llm import StubLLM

INSTRUMENTATION = "openinference-instrumentation"
TRACED = ("opentelemetry-sdk", f"{INSTRUMENTATION}-openai")
CLIENTS: dict[str, tuple[str, tuple[str, ...]]] = {
    "openai-pinned": ("openai_sdk.py", (f"openai=={version('openai')}", "numpy")),
    "openai": ("openai_sdk.py", ("openai", "numpy")),
    "langchain": ("langchain_langgraph.py", ("langchain-openai", "langgraph")),
    "pydantic-ai": ("pydantic_ai_agent.py", ("pydantic-ai-slim[openai]",)),
    "openai-agents": ("openai_agents.py", ("openai-agents",)),
    "langgraph-traces": (
        "langgraph_traces.py",
        ("langgraph", "langchain-openai", *TRACED, f"{INSTRUMENTATION}-langchain"),
    ),
    "openai-agents-traces": (
        "openai_agents_traces.py",
        ("openai-agents", *TRACED, f"{INSTRUMENTATION}-openai-agents"),
    ),
    "instructor": ("instructor_modes.py", ("instructor",)),
    "litellm": ("litellm_calls.py", ("litellm",)),
    "dspy": ("dspy_programs.py", ("dspy", "numpy")),
}
SECONDS = 300.0


def drive(course: Checkout, name: str) -> tuple[str, str]:
    """Return the version of a client and "", or what went wrong."""
    program, packages = CLIENTS[name]
    folder = course.state / "clients" / name
    python = venv_python(folder)
    env = course.environment() | uv_settings(course.pip_config())
    steps: list[list[str | Path]] = [
        [course.uv, "pip", "install", "-q", "--upgrade", "--python", python, *packages],
    ]
    if not python.exists():
        steps.insert(0, [course.uv, "venv", "-q", "--clear", "--python", sys.executable, folder])
    for step in steps:
        made = subprocess.run(step, env=env, capture_output=True, text=True, check=False)
        if made.returncode:
            return "", f"not installed: {made.stderr.strip()[-500:]}"
    package = packages[0].partition("[")[0].partition("==")[0]
    asked = f"from importlib.metadata import version; print(version({package!r}))"
    found = subprocess.run([python, "-c", asked], capture_output=True, text=True, check=True)
    with StubLLM.start() as stub:
        address = {
            "OPENAI_BASE_URL": stub.base_url,
            "OPENAI_API_BASE": stub.base_url,
            "OPENAI_API_KEY": "stub",
            "OPENAI_CHAT_MODEL": "gpt-4.1-mini",
            "LITELLM_LOCAL_MODEL_COST_MAP": "True",  # else it asks the internet
            "NO_PROXY": "127.0.0.1,localhost",
        }
        try:
            ran = subprocess.run(
                [python, course.root / "tests" / "clients" / program],
                env=os.environ | address,
                cwd=folder,
                capture_output=True,
                text=True,
                timeout=SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return found.stdout.strip(), f"did not end within {SECONDS:g} s"
    problem = ran.stderr.strip()[-2000:] or f"exit status {ran.returncode}"
    return found.stdout.strip(), "" if ran.returncode == 0 else problem


def main(arguments: Sequence[str] | None = None) -> int:
    """Drive the clients named, or all; return 0 if all get through, else 1."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(CLIENTS))
    names = parser.parse_args(arguments).names or list(CLIENTS)
    unknown = [name for name in names if name not in CLIENTS]
    if unknown:
        parser.error(f"there is no client {unknown[0]!r}; there are {', '.join(CLIENTS)}")
    course = Checkout()
    rows, failed = [], False
    for name in names:
        print(f"== {name}", flush=True)
        found, problem = drive(course, name)
        if problem:
            failed = True
            print(problem, flush=True)
        rows.append(f"{name:15} {found or '-':12} {'failed' if problem else 'ok'}")
    print(f"\n{'client':15} {'version':12} result")
    print("\n".join(rows))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
