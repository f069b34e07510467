"""The reply in the frame that its prompt asks for: plain, JSON described in words, markers."""

import json
from dataclasses import replace

from rag_tutorials.stub_llm.answering import forms, markers
from rag_tutorials.stub_llm.answering.conversation import AnswerMode, Conversation, Reply
from rag_tutorials.stub_llm.replying import reply


def reply_to(conversation: Conversation, mode: AnswerMode) -> Reply:
    """Return the reply; the same conversation and mode always get the same one.

    Raises:
        SchemaError: nothing was found that fits the schema that the reply must fit.

    """
    frame = markers.read(conversation)
    if frame is not None:
        return _in_markers(frame, mode)
    if conversation.schema is not None or conversation.forced_tool is not None:
        conversation = forms.without_described(conversation)
    else:
        form = forms.form_of(conversation)
        if form is not None:
            plain = forms.without_form(conversation, form)
            said = reply.reply_to(plain, mode)
            return replace(said, text=form.frame(said.text)) if said.text else said
    return reply.reply_to(conversation, mode)


def _in_markers(frame: markers.Frame, mode: AnswerMode) -> Reply:
    asked = frame.conversation
    if asked.schema is not None or not frame.outputs:
        return reply.reply_to(replace(asked, json_object=False), mode)
    if frame.tools:
        said = reply.reply_to(replace(asked, json_object=False), mode)
        return Reply(frame.write(frame.step(next(iter(said.tool_calls), None))))
    schema = frame.schema
    if list(frame.outputs.values()) == [{"type": "string"}]:
        # One text alone is what the model would say without any frame.
        said = reply.reply_to(replace(asked, json_object=False), mode)
        return Reply(frame.write({next(iter(frame.outputs)): said.text}))
    said = reply.reply_to(replace(asked, schema=schema, json_object=False), mode)
    return Reply(frame.write(json.loads(said.text)))
