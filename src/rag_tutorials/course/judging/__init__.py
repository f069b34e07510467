"""What an exercise expects, the comparison and the verdict."""
