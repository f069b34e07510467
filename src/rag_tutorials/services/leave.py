"""The leave balances as an MCP server: a tool that an agent calls in another process.

    python -m rag_tutorials.services.leave --endpoint URL --project NAME

It speaks the Model Context Protocol over its standard streams, and ends when they do. The MCP
package makes a span for each request, under the caller's where the request names one; they go to
the endpoint through a tracer provider of this process.
"""

import argparse
from collections.abc import Sequence

from mcp.server import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from opentelemetry.trace import Tracer

from rag_tutorials import tools
from rag_tutorials.tracing import configure_tracing, get_tracer

SERVICE_NAME = "leave-server"
SPAN_NAME = "read the leave table"


def build_server(tracer: Tracer) -> MCPServer:
    """Return the server, with the one tool `leave_balance`."""
    server = MCPServer(SERVICE_NAME, log_level="WARNING")

    def leave_balance(employee: str) -> str:
        with tracer.start_as_current_span(SPAN_NAME, attributes={"employee": employee}):
            try:
                return tools.leave_balance(employee)
            except ValueError as error:
                # Of any other exception the package tells the model nothing, not even the sentence.
                raise ToolError(str(error)) from error

    server.add_tool(leave_balance, description=tools.leave_balance.__doc__)
    return server


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until the client closes the connection."""
    parser = argparse.ArgumentParser(prog="python -m rag_tutorials.services.leave")
    parser.add_argument("--endpoint", required=True, help="the OTLP receiver for the spans")
    parser.add_argument("--project", required=True, help="the Phoenix project")
    options = parser.parse_args(arguments)

    configure_tracing(options.endpoint, SERVICE_NAME, project_name=options.project)
    build_server(get_tracer(__name__)).run(transport="stdio")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
