"""Lessons recorded from the notebooks' run, and students who replay them into a class."""
