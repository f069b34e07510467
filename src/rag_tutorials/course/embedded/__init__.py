"""One Phoenix in this kernel: its import, folder, port, start and addresses."""
