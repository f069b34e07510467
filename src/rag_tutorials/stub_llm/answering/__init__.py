"""How a reply is found: read the prompt, decide the turn, answer from what the request holds."""
