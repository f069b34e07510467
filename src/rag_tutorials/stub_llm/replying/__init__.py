"""What the stub says to a conversation: which way to a reply, and looking back at one."""
