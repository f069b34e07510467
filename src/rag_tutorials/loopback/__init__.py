"""What every server of the course shares: its one interface, and who may use it.

Every user of a host reaches its loopback interface. So the servers ask whose connection each one
is (:mod:`~rag_tutorials.loopback.peers`) and turn away those of other users
(:mod:`~rag_tutorials.loopback.doors`).
"""

HOST = "127.0.0.1"
