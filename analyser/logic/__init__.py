"""What the analyser decides, without waiting, talking or asking the time."""
