"""The gate: which hostname is whose, who has signed in, and the transaction a request runs in."""
