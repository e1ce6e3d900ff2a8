"""What happens to a call: pure decisions and state steps over frozen values."""
