"""Text as words, vectors, tokens and tags; knows nothing of models or requests."""
