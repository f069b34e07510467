"""Errors, places and the list of lessons."""
