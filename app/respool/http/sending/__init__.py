"""How answers are sent. The only code that waits."""
