"""A small RAG application over an employee handbook, and the tools to trace it."""
