"""Write the JSON Schema of stub files, for editors: ``python docs/make_stubs_schema.py``."""

import json
from pathlib import Path

from respool.match.stubs_file import schema

PAGE = Path(__file__).parent / "stubs.schema.json"


def text() -> str:
    """Return the schema as the file has it."""
    return json.dumps(schema(), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    PAGE.write_text(text())
