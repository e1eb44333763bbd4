"""What the figures share: callers in child processes, interleaved timing, the speedster command, the machine's name."""
