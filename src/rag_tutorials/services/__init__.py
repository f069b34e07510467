"""Parts of the application that run as processes of their own, and trace themselves.

``python -m rag_tutorials.services.retrieval`` serves the retriever over HTTP,
``python -m rag_tutorials.services.worker`` answers questions that come through a queue. Both talk
to the program that started them over their standard streams (``lifeline``), and end with it.
"""
