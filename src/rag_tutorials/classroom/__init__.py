"""A class on one Phoenix: students who join it, and the instructor who holds it."""
