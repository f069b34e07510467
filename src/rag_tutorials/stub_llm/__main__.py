"""Run the stub alone: ``python -m rag_tutorials.stub_llm [--port N]``."""

import argparse
import threading

from rag_tutorials.stub_llm.server import StubLLM

_USE = """\
Stubbed LLM at {url} (this machine only; Ctrl-C stops it)

  export OPENAI_BASE_URL={url} OPENAI_API_KEY=stub

  faults    curl {root}/_stub/faults
            curl {root}/_stub/faults -d '{{"name": "rate_limit", "times": 2, "seconds": 1}}'
            curl -X DELETE {root}/_stub/faults
  requests  curl {root}/_stub/requests
"""


def main() -> int:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(
        prog="python -m rag_tutorials.stub_llm",
        description="A loopback server that speaks the OpenAI API without a model.",
    )
    parser.add_argument("--port", type=int, default=0, help="0, the default, takes a free one")
    arguments = parser.parse_args()
    try:
        stub = StubLLM.start(arguments.port)
    except (OSError, OverflowError) as error:
        parser.exit(1, f"{error}\n")
    with stub:
        print(_USE.format(url=stub.base_url, root=stub.base_url.removesuffix("/v1")), flush=True)
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            print("\nStopped.")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
