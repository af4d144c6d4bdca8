"""`make up`: the whole of Cryptwire on one machine, every server and service real and a process of its own."""
