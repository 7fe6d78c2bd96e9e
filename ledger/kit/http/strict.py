"""Requests are read strictly, and never beyond their limit.

Litestar converts bodies leniently (``"5"`` is 5, ``1.0`` is 1, ``true`` is 1); amounts must not be. So
the body is decoded here, by one msgspec decoder per handler, in strict mode. Refused besides what the
type says: a body beyond the handler's limit (however it is sent), another content type than JSON,
invalid UTF-8, lone surrogates, NUL characters anywhere, nesting without end.
"""

import re
from collections.abc import Sequence
from typing import Any, Final, NoReturn, Self, TypeVar

import msgspec
from litestar import Request
from litestar.exceptions import ClientException
from litestar.types import Empty

from ledger.errors import (
    IdempotencyKeyInvalid,
    IdempotencyKeyMissing,
    InvalidAmount,
    InvalidRequest,
    LedgerError,
    PayloadTooLarge,
    UnsupportedMediaType,
)

T = TypeVar("T")

BODY_MAX: Final = 1024 * 1024
"""Bytes of a body, unless the handler says otherwise."""

KEY_MAX: Final = 255

AMOUNTS: Final = frozenset(["amount", "credits", "limit", "overdraft_limit", "low_balance_warning", "critical_balance"])
"""Fields that are amounts, wherever they stand."""

_JSON: Final = b"application/json"
_NOT_VISIBLE = re.compile(r"[^\x21-\x7e]")
_PATH = re.compile(r"(.*) - at `(?:key in )?\$(.*)`", re.DOTALL)
_FIELD = re.compile(r"Object (contains unknown|missing required) field `(.*)`", re.DOTALL)
_AMOUNT: Final = "Expected `int | str"
"""What msgspec says of a field that is an amount: no other field is of this type."""

_words: dict[str, str] = {}
"""What to say instead of what msgspec says of a text that is not of a pattern."""

GIVEN: Final = "given_headers"
"""Where in its scope the headers of a request stand by their names."""

_limits: dict[Any, int] = {}
_decoders: dict[Any, msgspec.json.Decoder[Any]] = {}


class StrictRequest(Request[Any, Any, Any]):
    """A request whose JSON body is decoded strictly into the handler's ``data`` type."""

    @classmethod
    def light(cls, scope: Any, receive: Any, send: Any) -> Self:
        """A request for a handler that is called without the framework: what makes the framework's own (a state in
        the scope, a dozen fields for what was parsed before) is left out."""
        request = cls.__new__(cls)
        request.scope = scope
        request.receive = receive
        request.send = send
        request._body = Empty
        return request

    async def body(self) -> bytes:
        """The whole body. Raises PayloadTooLarge as soon as it is known to be beyond the limit."""
        if isinstance(self._body, bytes):
            return self._body
        handler: Any = self.scope["route_handler"]
        limit = _limits.get(handler)
        if limit is None:
            limit = _limits[handler] = handler.resolve_request_max_body_size() or BODY_MAX
        announced = _header(self.scope, b"content-length")
        length = int(announced[:12]) if announced is not None and announced.isdigit() else None
        if length is not None and length > limit:
            raise _too_large(limit)
        message: Any = await self.receive()
        body: bytes = message.get("body", b"")
        # The server gives no more than was announced: what is there in full has no other part to wait for.
        if message.get("more_body") and len(body) != length:
            body = await self._read_on(body, limit)
        if len(body) > limit:
            raise _too_large(limit)
        if message["type"] == "http.disconnect":
            raise ClientException("the client went away before its request was whole")
        self._body = body
        return body

    async def _read_on(self, first: bytes, limit: int) -> bytes:
        chunks, size = [first], len(first)
        while size <= limit:
            message: Any = await self.receive()
            if message["type"] == "http.disconnect":
                raise ClientException("the client went away before its request was whole")
            chunks.append(message.get("body", b""))
            size += len(chunks[-1])
            if not message.get("more_body"):
                return b"".join(chunks)
        raise _too_large(limit)

    def header(self, name: bytes) -> bytes | None:
        """The header of this name, in small letters; the first one where there are more."""
        return _header(self.scope, name)

    async def json(self) -> Any:
        """The body as the handler's ``data`` type."""
        return decode(await self.json_bytes(), self._decoder())

    async def json_bytes(self) -> bytes:
        """The body, of which the content type is known to be JSON."""
        kind = _header(self.scope, b"content-type")
        if kind != _JSON and (kind is None or kind.partition(b";")[0].strip().lower() != _JSON):
            raise UnsupportedMediaType("send the body as application/json")
        return await self.body()

    def _decoder(self) -> msgspec.json.Decoder[Any]:
        handler: Any = self.scope["route_handler"]
        decoder = _decoders.get(handler)
        if decoder is None:
            field = handler.parsed_data_field
            decoder = msgspec.json.Decoder(field.annotation if field else Any)
            _decoders[handler] = decoder
        return decoder

    def idempotency_key(self) -> str:
        """The Idempotency-Key. Raises IdempotencyKeyMissing, IdempotencyKeyInvalid."""
        key = self.optional_key()
        if key is None:
            raise IdempotencyKeyMissing(
                "send an Idempotency-Key header: a name for this attempt, the same when it is repeated"
            )
        return key

    def optional_key(self) -> str | None:
        """The Idempotency-Key, where the call does not need one. Raises IdempotencyKeyInvalid."""
        key = _header(self.scope, b"idempotency-key")
        return None if key is None else checked_key(key.decode("latin-1"))


def checked_key(key: str) -> str:
    """The key, if it may be one. Raises IdempotencyKeyInvalid."""
    if not key or len(key) > KEY_MAX:
        raise IdempotencyKeyInvalid(f"the key has {len(key)} characters, but must have 1 to {KEY_MAX}")
    if _NOT_VISIBLE.search(key):
        raise IdempotencyKeyInvalid("the key must be of visible ASCII characters, without spaces")
    return key


def decode(body: bytes | msgspec.Raw, decoder: msgspec.json.Decoder[T], at: str = "", *, whole: bool = True) -> T:
    """The value of a JSON text. Raises InvalidRequest or InvalidAmount; ``at`` is where it stands.

    ``whole`` False leaves the text of what is decoded as ``msgspec.Raw`` to whoever decodes that.
    """
    try:
        value = decoder.decode(body)
        if not whole:
            return value
        raw = body if isinstance(body, bytes) else bytes(body)
        if not raw.isascii():
            raw.decode()
        if b"\\u0000" in raw:
            _refuse_nul(msgspec.json.decode(raw), at)
    except msgspec.ValidationError as error:
        raise _invalid(str(error), at) from None
    except msgspec.DecodeError as error:
        raise InvalidRequest(str(error), errors=[{"path": at, "message": str(error)}]) from None
    except UnicodeDecodeError:
        _refuse(at, "the body is not valid UTF-8")
    except RecursionError:
        _refuse(at, "the body is nested too deeply")
    return value


def _refuse_nul(value: Any, path: str) -> None:
    if isinstance(value, str) and "\x00" in value:
        _refuse(path, "must not contain the character NUL")
    if isinstance(value, dict):
        for name, inner in value.items():
            _refuse_nul(name, path)
            _refuse_nul(inner, join(path, name))
    if isinstance(value, list):
        for index, inner in enumerate(value):
            _refuse_nul(inner, f"{path}[{index}]")


def join(path: str, name: str) -> str:
    """The path of a member: ``items[3]`` and ``credits`` are ``items[3].credits``."""
    return f"{path}.{name}" if path else name


def _invalid(text: str, at: str) -> LedgerError:
    """An error of msgspec as one of ours, with the path as clients write it."""
    match = _PATH.fullmatch(text)
    message, path = (match[1], match[2]) if match else (text, "")
    path = at + path if path.startswith("[") else join(at, path[1:]) if path else at
    field = _FIELD.fullmatch(message)
    if field:
        path = join(path, field[2][:80])
        message = "is not a field of this request" if field[1] == "contains unknown" else "is missing"
    message = _words.get(message, message)
    kind = InvalidRequest
    out_of_range = message.startswith(("Integer value out", "Number out")) and path.rpartition(".")[2] in AMOUNTS
    if out_of_range or message.startswith(_AMOUNT):
        kind = InvalidAmount
        message = "must be a decimal string such as '45.6' or an integer, never a float"
    return kind(f"{path}: {message}" if path else message, errors=[{"path": path, "message": message}])


def patterned(pattern: str, words: str, **more: Any) -> msgspec.Meta:
    """A text of this pattern; ``words`` are what somebody reads whose text is not."""
    _words[f"Expected `str` matching regex {pattern!r}"] = words
    return msgspec.Meta(pattern=pattern, **more)


def invalid(path: str, message: str, **facts: Any) -> InvalidRequest:
    """One thing that is wrong with the request, at ``path``. ``facts``: what would be right."""
    detail = f"{path}: {message}" if path else message
    return InvalidRequest(detail, errors=[{"path": path, "message": message}], **facts)


def _refuse(path: str, message: str) -> NoReturn:
    raise invalid(path, message)


def first_of_each(headers: Sequence[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
    """Headers by name; of those with one name the first."""
    return dict(reversed(headers))


def _header(scope: Any, name: bytes) -> bytes | None:
    given: dict[bytes, bytes] = scope[GIVEN]
    return given.get(name)


def _too_large(limit: int) -> PayloadTooLarge:
    return PayloadTooLarge(f"the body may have {limit} bytes at most")
