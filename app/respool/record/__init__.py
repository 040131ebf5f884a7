"""Recording: the proxy, and the redaction of secrets."""
