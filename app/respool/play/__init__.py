"""Playing: responses as functions of elapsed time. No I/O here."""
