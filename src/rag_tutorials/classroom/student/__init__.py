"""The student's side: joining, leaving, and sending without ever making a cell wait."""
