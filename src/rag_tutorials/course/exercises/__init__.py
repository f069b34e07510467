"""The exercises, one module a lesson: content only."""
