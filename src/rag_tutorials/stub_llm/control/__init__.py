"""What a test or a lesson does to the server: faults on demand, and the journal of requests."""
