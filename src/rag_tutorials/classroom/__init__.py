"""A class on one Phoenix: students join it, an instructor watches, helps and grades.

A student who joins nothing meets nothing of it: the course finds it by name, if there is a
membership.
"""

from rag_tutorials.classroom.student.joining import join, leave

__all__ = ["join", "leave"]
