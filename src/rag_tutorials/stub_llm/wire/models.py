"""The models that the server names, and what each is for.

Any other name is taken as well, for chat and for embeddings, but for ``no-such-model``.
"""

from rag_tutorials.stub_llm.wire import fields
from rag_tutorials.stub_llm.wire.errors import bad_request
from rag_tutorials.stub_llm.wire.fields import JSON

CHAT = ("gpt-4.1-mini", "gpt-4o-mini")
DIMENSIONS = {
    "text-embedding-3-small": 1536,
    "text-embedding-3-large": 3072,
    "text-embedding-ada-002": 1536,
}
"""The embedding models, each with the length of its vectors."""
_EMBEDS = "text-embedding-"
_CHATS = ("gpt-", "chatgpt-", "o1", "o3", "o4")


def list_all() -> JSON:
    """All models, as ``GET /v1/models`` gives them."""
    return {"object": "list", "data": [get(name) for name in (*CHAT, *DIMENSIONS)]}


def get(name: str) -> JSON:
    """One model, as ``GET /v1/models/{name}`` gives it."""
    fields.require_model(name)
    return {"id": name, "object": "model", "created": fields.CREATED, "owned_by": "stub"}


def require_chat(name: str) -> None:
    """Raise the 400 for a model that embeds where one is needed that chats."""
    if name.startswith(_EMBEDS):
        raise bad_request(
            "This is not a chat model and thus not supported in the v1/chat/completions endpoint.",
            "model",
        )


def require_embedding(name: str) -> None:
    """Raise the 400 for a model that chats where one is needed that embeds."""
    if name.startswith(_CHATS):
        raise bad_request("You are not allowed to generate embeddings from this model", "model")
