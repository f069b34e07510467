"""Errors in the form in which the OpenAI API gives them."""

from collections.abc import Mapping
from typing import Any


class APIError(Exception):
    """A refusal with an HTTP status and the body ``{"error": {message, type, param, code}}``.

    See https://platform.openai.com/docs/guides/error-codes for what OpenAI documents of it.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        kind: str = "invalid_request_error",
        param: str | None = None,
        code: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.kind = kind
        self.param = param
        self.code = code
        self.headers = dict(headers or {})

    def body(self) -> dict[str, Any]:
        """The JSON body that goes with the status."""
        return {
            "error": {
                "message": self.message,
                "type": self.kind,
                "param": self.param,
                "code": self.code,
            }
        }


def bad_request(message: str, param: str | None = None, code: str | None = None) -> APIError:
    """A 400 that names the parameter at fault."""
    return APIError(400, message, param=param, code=code)
