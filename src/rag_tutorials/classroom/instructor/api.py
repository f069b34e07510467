"""The class's Phoenix, asked and told as its admin."""

from __future__ import annotations

from collections.abc import Iterator
from types import TracebackType
from typing import Any, Self

import httpx

from rag_tutorials.classroom.instructor.place import ClassPlace
from rag_tutorials.course.base.errors import CourseError, sentence_of

_PATIENCE_S = 60.0  # Phoenix answers late while it stores a burst
_PAGE = 1000


class Api:
    """Phoenix's REST and GraphQL interfaces, with the class's admin secret.

    Use it in a ``with`` block, from any thread. Each of its methods raises a ``CourseError`` where
    Phoenix does not answer or refuses.
    """

    def __init__(self, place: ClassPlace) -> None:
        """Ask the Phoenix that was served from ``place``.

        Raises:
            CourseError: none was.
        """
        self.url = place.server().url
        self.bearer = {"authorization": f"Bearer {place.secrets().admin}"}
        self._client = httpx.Client(
            base_url=self.url,
            headers=self.bearer,
            timeout=_PATIENCE_S,
            trust_env=False,
            # Phoenix closes a connection that was idle for 5 s, perhaps as it is used again.
            limits=httpx.Limits(keepalive_expiry=2),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._client.close()

    def get(self, path: str, **query: Any) -> Any:
        """Return what is at a path."""
        return self._ask("GET", path, params=query).json()

    def pages(self, path: str, limit: int = _PAGE, **query: Any) -> Iterator[list[Any]]:
        """Yield the pages of a list."""
        asked = {"limit": limit, **query}
        while True:
            page = self.get(path, **asked)
            yield page["data"]
            if not page["next_cursor"]:
                return
            asked["cursor"] = page["next_cursor"]

    def post(self, path: str, content: Any) -> httpx.Response:
        """Send something, and return the answer whatever its status is."""
        return self._send("POST", path, json=content)

    def delete(self, path: str) -> bool:
        """Delete something; say whether it was there."""
        return self._ask("DELETE", path, missing=True).status_code != httpx.codes.NOT_FOUND

    def graphql(self, query: str, **variables: Any) -> Any:
        """Return the data that a GraphQL query or mutation gives."""
        answer = self._ask("POST", "/graphql", json={"query": query, "variables": variables}).json()
        if answer.get("errors"):
            raise CourseError(f"Phoenix refuses: {answer['errors'][0]['message']}.")
        return answer["data"]

    def personal_key(self, email: str, password: str, name: str) -> dict[str, Any]:
        """Log in as somebody and make a key of theirs; return Phoenix's words on the key.

        Phoenix makes a personal key for nobody but the one who is logged in. The login's tokens are
        forgotten here: to end it takes a fifth of the time of all this, and nobody has them.
        """
        # A client of its own has the login's cookies. Nothing here is encrypted, and to read the
        # system's certificates takes longer than all the rest.
        with httpx.Client(
            base_url=self.url, timeout=_PATIENCE_S, trust_env=False, verify=False
        ) as session:
            who = {"email": email, "password": password}
            self._ask("POST", "/auth/login", session, json=who)
            asked = {"data": {"name": name}}
            made = self._ask("POST", "/v1/user/api_keys", session, json=asked).json()["data"]
        return dict(made)

    def _ask(
        self,
        method: str,
        path: str,
        client: httpx.Client | None = None,
        *,
        missing: bool = False,
        **request: Any,
    ) -> httpx.Response:
        answer = self._send(method, path, client, **request)
        if answer.is_success or (missing and answer.status_code == httpx.codes.NOT_FOUND):
            return answer
        raise refused(answer)

    def _send(
        self, method: str, path: str, client: httpx.Client | None = None, **request: Any
    ) -> httpx.Response:
        try:
            return (client or self._client).request(method, path, **request)
        except httpx.HTTPError as error:
            raise CourseError(
                f"The class's Phoenix at {self.url} does not answer ({sentence_of(error)}); see "
                "that `python scripts/course.py class serve` runs in another terminal, and run "
                "the same command again."
            ) from None


def refused(answer: httpx.Response) -> CourseError:
    """Return the sentence for an answer that is no success."""
    if answer.status_code == httpx.codes.UNAUTHORIZED:
        return CourseError(
            f"What is at {answer.url.copy_with(path='/', query=None)} does not know this class's "
            "secrets: another program has the port, or the database belongs to another class's "
            "folder (--folder)."
        )
    said = answer.text.strip().splitlines()
    return CourseError(
        f"Phoenix refuses {answer.request.method} {answer.url.path} (HTTP {answer.status_code}"
        f"{': ' + said[0][:200] if said else ''})."
    )
