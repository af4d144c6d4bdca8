"""What rings, and the libraries that one part alone needs."""
