"""What a student has passed, and beginning anew."""
