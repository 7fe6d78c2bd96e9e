"""A rate card as a YAML file: read strictly, written so that reading it gives the same card.

YAML guesses what is not quoted: ``0.1`` is a float, ``1:30`` is ninety, ``no`` is false. A card is about money, so
nothing is guessed here: what stands for a number must be quoted or be a plain integer, and a word that YAML would
take for something else must be quoted. Keys given twice, aliases and tags are refused too.
"""

import re
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any, Final

import msgspec
import yaml

from ledger.kit.http.strict import decode, invalid, join
from ledger.rates.card import Card
from ledger.rates.prices import Meter, Price
from ledger.rates.shapes import MeterShape, PriceShape, meter_of, meter_shape, price_of, price_shape

FILE_MAX: Final = 1_000_000
"""Characters of a card's file, at most."""

_TAG: Final = "tag:yaml.org,2002:"
_INTEGER = re.compile(r"0|-?[1-9][0-9]{0,18}", re.ASCII)


class MeterWithPrices(MeterShape, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A meter with its prices."""

    prices: tuple[PriceShape, ...] = ()


class CardFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All meters of a card."""

    meters: list[MeterWithPrices]


_decoder: Final = msgspec.json.Decoder(CardFile)


def read_card(text: str) -> tuple[list[Meter], list[Price]]:
    """The meters and prices of a file, not yet checked as a card (``make_card``).

    Raises InvalidRequest, InvalidAmount or InvalidQuantity, each of which names the path of what is wrong.
    """
    card = decode(_read(text), _decoder)
    meters, prices = [], []
    for index, shape in enumerate(card.meters):
        path = f"meters[{index}]"
        meter = meter_of(shape, path)
        meters.append(meter)
        prices += [price_of(each, meter, f"{path}.prices[{at}]") for at, each in enumerate(shape.prices)]
    return meters, prices


def place_of(facts: Mapping[str, Any], meters: Sequence[Meter], prices: Sequence[Price]) -> str:
    """Where in the file stands what a refusal's ``facts`` name; empty where they name nothing that is there.
    ``meters`` and ``prices`` as ``read_card`` gave them."""
    wanted = facts.get("service"), facts.get("meter")
    places = [index for index, meter in enumerate(meters) if (meter.service, meter.meter) == wanted]
    if not places:
        return ""
    path = f"meters[{places[-1]}]"  # of one that is there twice the second
    own = [price for price in prices if (price.service, price.meter) == wanted]
    for index, price in enumerate(own):
        if price.dimensions == facts.get("dimensions") and facts.get("version") in (None, price.version):
            return f"{path}.prices[{index}]"
    return path


def write_card(card: Card) -> str:
    """The file of a card."""
    meters = []
    for meter in card.meters.values():
        own = [price for price in card.prices if (price.service, price.meter) == (meter.service, meter.meter)]
        shape = msgspec.to_builtins(meter_shape(meter))
        shape |= {"prices": [msgspec.to_builtins(price_shape(price, meter)) for price in own]} if own else {}
        meters.append(shape)
    text: str = yaml.safe_dump({"meters": meters}, sort_keys=False, allow_unicode=True, width=120)
    return text


def shipped() -> str:
    """The file of the card that comes with the service."""
    return files("ledger.rates").joinpath("shipped.yaml").read_text(encoding="utf-8")


class _Loader(yaml.SafeLoader):
    """Composes the nodes of a text and makes no values of them; aliases are refused."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("aliases are not allowed")
        return super().compose_node(parent, index)


def _read(text: str) -> bytes:
    """The same as JSON. Raises InvalidRequest."""
    if len(text) > FILE_MAX:
        raise invalid("", f"the file may have {FILE_MAX} characters at most")
    try:
        node = _compose(text)
        return msgspec.json.encode(None if node is None else _value(node, ""))
    except (yaml.YAMLError, ValueError, OverflowError) as error:  # the last two for characters that are none
        raise invalid("", f"not YAML that can be read: {' '.join(str(error).split())[:300]}") from None
    except RecursionError:
        raise invalid("", "the file is nested too deeply") from None


def _compose(text: str) -> Any:
    loader = _Loader(text)
    try:
        return loader.get_single_node()
    finally:
        loader.dispose()


def _value(node: Any, path: str) -> Any:
    """A node as lists, texts, integers and null. Raises InvalidRequest."""
    if isinstance(node, yaml.MappingNode) and node.tag == f"{_TAG}map":
        members: dict[str, Any] = {}
        for key, inner in node.value:
            name = _value(key, path)
            if not isinstance(name, str):
                raise _refused(key, path, "a key must be a text: quote it")
            if name in members:
                raise _refused(key, join(path, name), "is given twice")
            members[name] = _value(inner, join(path, name))
        return members
    if isinstance(node, yaml.SequenceNode) and node.tag == f"{_TAG}seq":
        return [_value(inner, f"{path}[{index}]") for index, inner in enumerate(node.value)]
    return _scalar(node, path)


def _scalar(node: Any, path: str) -> str | int | None:
    kind = str(node.tag).removeprefix(_TAG)
    if kind in ("str", "timestamp"):
        return str(node.value)
    if kind == "null":
        return None
    if kind == "int" and _INTEGER.fullmatch(node.value):
        return int(node.value)
    if kind in ("float", "int"):
        raise _refused(node, path, f"{node.value} must be quoted, or be a plain integer: no float is taken")
    raise _refused(node, path, f"{str(node.value)[:40]!r} is read as {kind[:40]}: quote it")


def _refused(node: Any, path: str, message: str) -> Exception:
    return invalid(path, f"{message} (line {node.start_mark.line + 1})")
