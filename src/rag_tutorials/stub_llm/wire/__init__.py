"""The OpenAI API on the wire: the shapes of requests and answers, and what is refused."""
