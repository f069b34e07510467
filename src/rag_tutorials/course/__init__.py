"""What a notebook needs besides its subject. Only notebooks read it."""

from rag_tutorials.course.base.errors import CourseError
from rag_tutorials.course.prepare import Course, prepare

__all__ = ["Course", "CourseError", "prepare"]
