"""The rules of a legal stream, each with its code; `findings.RULES` is all of them."""
