"""Spans read back from Phoenix, and drawn."""
