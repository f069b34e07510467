"""What single lessons need: receivers, processes, a second Phoenix, the LLM."""
