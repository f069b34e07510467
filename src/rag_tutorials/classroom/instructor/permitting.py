"""What a student's key is good for at the class's Phoenix: to send, and to ask whose it is.

Phoenix lets every member read all projects, and delete any trace. Here a member's key writes traces
and annotations, and reads nothing. Whoever logs in with a password, and every admin, may what
Phoenix lets them.
"""

from __future__ import annotations

from typing import Any

from rag_tutorials.classroom.base.wire import ANNOTATIONS, TRACES, VIEWER

_MEMBER = "MEMBER"
_PERMITTED = {("POST", TRACES), ("POST", ANNOTATIONS), ("GET", VIEWER)}


def permit(module: Any) -> None:
    """Have ``module``, the one that makes Phoenix's web application, ask who may do what.

    What is not permitted is answered as what has no key is: 401.

    Raises:
        AttributeError: it does not ask as the tested Phoenix does.
    """
    from phoenix.server.types import ApiKeyClaims

    class Permitting(module.BearerTokenAuthBackend):  # type: ignore[misc]
        async def authenticate(self, conn: Any) -> Any:
            found = await super().authenticate(conn)
            if found is None:
                return None
            claims = getattr(found[1], "claims", None)  # the admin secret has none
            is_student = (
                isinstance(claims, ApiKeyClaims)
                and claims.attributes is not None
                and claims.attributes.user_role == _MEMBER
            )
            return None if is_student and not _is_permitted(conn.scope) else found

    module.BearerTokenAuthBackend = Permitting


def _is_permitted(scope: Any) -> bool:
    path = str(scope["path"]).removeprefix(str(scope.get("root_path", "")))
    return (scope.get("method", ""), path) in _PERMITTED
