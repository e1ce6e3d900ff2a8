"""Benches: each measures one thing of a throw-away installation, and its own baseline in the same run."""
