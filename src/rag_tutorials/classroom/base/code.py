"""The class code: one line that carries the class's address, a key, a name and a pace."""

from __future__ import annotations

import base64
import binascii
import math
import re
import zlib
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from rag_tutorials.course.base.errors import CourseError

SLOWEST_PACE = 0.3  # spans a second
_PREFIX = "class1_"
_ANY_PREFIX = re.compile(r"class\d+_")
_CHECKSUM = 4  # bytes
_LONGEST = 4096  # bytes, unpacked
# What most codes have in common costs them nothing: the beginning of a key of Phoenix's (a JSON Web
# Token) and of an address. A change here needs another prefix.
_COMMON = (
    b".eyJzdWIiOiJVc2VyOjEiLCJqdGkiOiJBcGlLZXk6MTAwIn0.\n0.9\n1.8\n18\nhttps://http://127.0.0.1:6006\n"
    b"eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJqdGkiOiJBcGlLZXk6"
)
_AGAIN = "copy the whole line that your instructor gave you, and nothing else"


@dataclass(frozen=True, slots=True)
class ClassCode:
    """What joining a class takes.

    Attributes:
        url: The address of the class's Phoenix, without a slash at its end.
        key: The key that it is written with. It is never shown.
        name: The student's name, whose slug no other student of the class has; ``None``: a code
            for all, and joining asks for the name.
        pace: How many spans a second this student may send when nothing is urgent.
    """

    url: str
    key: str = field(repr=False)
    name: str | None = None
    pace: float = 1.0

    def __post_init__(self) -> None:
        """Refuse what no class can have.

        Raises:
            ValueError: with what is wrong; the key is not repeated.
        """
        object.__setattr__(self, "url", self.url.rstrip("/"))
        object.__setattr__(self, "pace", float(self.pace))
        if not _is_address(self.url):
            raise ValueError("the class's address must be http:// or https://, a host and no user")
        if not self.key or not self.key.isascii() or not re.fullmatch(r"[!-~]+", self.key):
            raise ValueError("the class's key must be ASCII without blanks")
        if self.name is not None and (not self.name.strip() or not self.name.isprintable()):
            raise ValueError("the student's name must be one line of text, or left out")
        if not (math.isfinite(self.pace) and self.pace > 0):
            raise ValueError("the pace must be a number of spans a second above 0")

    def encode(self) -> str:
        """Return the code: one line without blanks, that :meth:`decode` reads."""
        pace = f"{self.pace:.3g}"
        content = "\n".join((self.key, self.url, pace, self.name or "")).encode()
        packer = zlib.compressobj(9, zlib.DEFLATED, -15, zdict=_COMMON)
        packed = packer.compress(content) + packer.flush()
        checksum = zlib.crc32(packed).to_bytes(_CHECKSUM, "big")
        return _PREFIX + base64.urlsafe_b64encode(packed + checksum).decode().rstrip("=")

    @classmethod
    def decode(cls, text: str) -> ClassCode:
        """Return what a code carries; blanks and quotation marks around and in it do not matter.

        Raises:
            CourseError: this is none, or a part of one; the text is not repeated.
        """
        code = re.sub(r"""[\s"'`<>\u200b\u2060\ufeff]+""", "", text)
        if not code:
            raise CourseError(f"The class code is empty; {_AGAIN}.")
        if not code.startswith(_PREFIX):
            raise CourseError(_what_it_is(code))
        try:
            packed = base64.b64decode(_padded(code[len(_PREFIX) :]), b"-_", validate=True)
            if base64.urlsafe_b64encode(packed).decode().rstrip("=") != code[len(_PREFIX) :]:
                raise ValueError  # bits of the last character that decoding does not look at
            content, checksum = packed[:-_CHECKSUM], packed[-_CHECKSUM:]
            if not content or zlib.crc32(content).to_bytes(_CHECKSUM, "big") != checksum:
                raise ValueError
            unpacker = zlib.decompressobj(-15, zdict=_COMMON)
            key, url, pace, name = unpacker.decompress(content, _LONGEST).decode().split("\n")
            return cls(url, key, name or None, float(pace))
        except (ValueError, binascii.Error, zlib.error):
            raise CourseError(
                f"The class code is cut off or mistyped (it has {len(code)} characters); {_AGAIN}."
            ) from None


def _padded(text: str) -> str:
    return text + "=" * (-len(text) % 4)


def _what_it_is(text: str) -> str:
    """Return a sentence for a text that does not begin as a code does."""
    if _ANY_PREFIX.match(text):
        return (
            "The class code was made by another version of the course; get the version that your "
            "instructor has."
        )
    if _is_address(text):
        return f"This is an address, and a class code holds more; {_AGAIN}."
    if _PREFIX in text:
        return f"There is other text before the class code; {_AGAIN}."
    return f"This is no class code, which begins with {_PREFIX}; {_AGAIN}."


def _is_address(text: str) -> bool:
    try:
        url = urlsplit(text)
        return (
            url.scheme in ("http", "https")
            and bool(url.hostname)
            and (url.port or 1) > 0
            and url.username is None
            and not url.query
            and not url.fragment
            and re.fullmatch(r"[!-~]+", text) is not None
        )
    except ValueError:
        return False
