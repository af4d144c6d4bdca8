"""What the receiver does: the route, the reads that it brings forward, the calls that it sets aside."""
