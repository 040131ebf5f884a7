"""Pictures: format and size, read from a file's first bytes."""

import struct
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture that was read from a file."""

    name: str
    format: str  # png, webp or jpeg, as in the API's output_format
    width: int  # pixels
    height: int
    base64: str = field(repr=False)

    @property
    def size(self) -> str:
        """The size in the form of the API's `size`."""
        return f"{self.width}x{self.height}"


# One transparent pixel, for a Script without a picture.
PIXEL = Picture(
    "",
    "png",
    1,
    1,
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==",
)


def inspect(data: bytes) -> tuple[str, int, int]:
    """Return format, width and height (pixels). Raise ValueError for anything but PNG, WebP and JPEG."""
    try:
        if data.startswith(b"\x89PNG\r\n\x1a\n"):
            width, height = struct.unpack_from(">II", data, 16)
            return "png", width, height
        if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
            return "webp", *_webp_size(data)
        if data.startswith(b"\xff\xd8\xff"):
            return "jpeg", *_jpeg_size(data)
    except (struct.error, IndexError):
        raise ValueError("the picture is cut off") from None
    raise ValueError("no PNG, WebP or JPEG picture")


def _webp_size(data: bytes) -> tuple[int, int]:
    # Source: the WebP container specification. The size is that of the canvas, or of the only frame.
    match data[12:16]:
        case b"VP8X":
            low_width, high_width, low_height, high_height = struct.unpack_from("<HBHB", data, 24)
            return (high_width << 16 | low_width) + 1, (high_height << 16 | low_height) + 1
        case b"VP8L":
            (bits,) = struct.unpack_from("<I", data, 21)
            return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
        case _:
            width, height = struct.unpack_from("<HH", data, 26)
            return width & 0x3FFF, height & 0x3FFF


def _jpeg_size(data: bytes) -> tuple[int, int]:
    at = 2
    while True:
        while data[at + 1] == 0xFF:  # fill bytes
            at += 1
        marker = data[at + 1]
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):  # a start of frame
            height, width = struct.unpack_from(">HH", data, at + 5)
            return width, height
        (length,) = struct.unpack_from(">H", data, at + 2)
        at += 2 + length
