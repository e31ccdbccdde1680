"""The forms in which a server, a driver or a log writes a secret that it was given."""

import base64
import html
import json
from collections.abc import Callable, Mapping
from urllib.parse import quote, quote_plus

FORMS: Mapping[str, Callable[[str], str]] = {
    "as it is": str,
    "percent-encoded": lambda secret: quote(secret, safe=""),
    "in small letters": lambda secret: "".join(f"%{byte:02x}" for byte in secret.encode()),
    "of a form": quote_plus,
    "in a path": quote,
    "JSON": lambda secret: json.dumps(secret)[1:-1],
    "JSON in UTF-8": lambda secret: json.dumps(secret, ensure_ascii=False)[1:-1],
    "Python": lambda secret: repr(secret)[1:-1],
    "bytes of Python": lambda secret: repr(secret.encode())[2:-1],
    "HTML": html.escape,
    "HTML in numbers": lambda secret: "".join(f"&#{ord(character)};" for character in secret),
    "HTML in hexadecimal": lambda secret: "".join(f"&#x{ord(character):X};" for character in secret),
    "hexadecimal": lambda secret: secret.encode().hex(),
    "HEXADECIMAL": lambda secret: secret.encode().hex().upper(),
    "base64": lambda secret: base64.b64encode(secret.encode()).decode(),
    "base64 without padding": lambda secret: base64.b64encode(secret.encode()).decode().rstrip("="),
    "base64 for addresses": lambda secret: base64.urlsafe_b64encode(secret.encode()).decode(),
    "basic authentication": lambda secret: base64.b64encode(f"ci:{secret}".encode()).decode(),
    "base64 of more": lambda secret: base64.urlsafe_b64encode(f"a{secret}z".encode()).decode(),
    "folded": lambda secret: "\r\n ".join(secret[at : at + 5] for at in range(0, len(secret), 5)),
    "UTF-16": "\0".join,
}
