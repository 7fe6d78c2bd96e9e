"""Cards as files: read strictly, written so that they come back the same; and the card that ships."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from fractions import Fraction

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import InvalidAmount, InvalidQuantity, InvalidRequest, LedgerError, PriceNotFound
from ledger.kit.money import format_amount
from ledger.rates.card import Card, make_card
from ledger.rates.card_file import FILE_MAX, read_card, shipped, write_card
from ledger.rates.numbers import format_decimal
from ledger.rates.prices import Graduated, Meter, Package, PerUnit, Price, Tier, Volume
from ledger.rates.rules import Counters, price
from tests.docs.pages import DOCS, blocks, section
from tests.rates.cards import LATER

PAGE = DOCS / "concepts" / "rate-card.md"

RATES = {"USD": "10", "EUR": "11"}
TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=8).filter(
    str.isprintable
) | st.sampled_from(["no", "null", "1:30", "0.1", "007", "~", "a: b", "- x", "#", "2020-01-01", "<<", "=", "é ü"])
AMOUNTS = st.integers(0, 10**21)
INSTANTS = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


@st.composite
def tiers(draw: st.DrawFn) -> tuple[Tier, ...]:
    ends = sorted(draw(st.sets(st.integers(1, 10**18), max_size=3)))
    return tuple(Tier(end, draw(AMOUNTS), draw(st.just(0) | AMOUNTS)) for end in [*ends, None])


MODELS = (
    st.builds(PerUnit, AMOUNTS)
    | st.builds(Package, AMOUNTS, st.integers(1, 10**18))
    | st.builds(Graduated, tiers())
    | st.builds(Volume, tiers())
)


@st.composite
def cards(draw: st.DrawFn) -> Card:
    """Meters with values of any text, each with versions of some prices."""
    meters, prices = [], []
    for number in range(draw(st.integers(0, 3))):
        values = draw(st.lists(TEXTS, min_size=1, max_size=4, unique=True))
        unit = draw(st.none() | TEXTS)
        meter = Meter(
            service=draw(st.sampled_from(["job", "no", "null", "1e3", "0.1", "12"])),
            meter=f"meter.{number}",
            unit=unit,
            decimals=draw(st.integers(0, 9)),
            dimensions={"on": tuple(values), "any_text": None},
            free_monthly=draw(st.none() | st.integers(1, 10**18)) if unit else None,
        )
        meters.append(meter)
        for value in draw(st.sets(st.sampled_from([None, *values]))):
            starts = sorted(draw(st.sets(INSTANTS, max_size=3)))
            ends = draw(st.tuples(*[st.booleans()] * len(starts)))
            prices += [
                Price(
                    service=meter.service,
                    meter=meter.meter,
                    version=version,
                    dimensions={} if value is None else {"on": value},
                    valid_from=start,
                    valid_to=start + timedelta(microseconds=1) if ended else None,
                    asset=draw(st.sampled_from(["CREDIT", *RATES])),
                    model=draw(MODELS),
                )
                for version, (start, ended) in enumerate(zip(starts, ends, strict=True), start=1)
            ]
    return make_card(meters, prices, RATES)


@given(cards())
def test_a_card_that_is_written_is_read_back(card: Card) -> None:
    """To the last digit, and whatever YAML might take a text for."""
    text = write_card(card)
    again = make_card(*read_card(text), RATES)

    assert (card.meters, card.prices) == (again.meters, again.prices)
    assert text == write_card(again)


METER = "meters:\n- {service: job, meter: minutes, unit: minute, decimals: 2, %s}"
PRICE = METER % "prices: [{valid_from: 2026-01-01T00:00:00Z, %s}]"

BAD_FILES: dict[str, tuple[str, str, str]] = {
    "empty": ("", "", "Expected `object`"),
    "a list": ("- 1", "", "Expected `object`"),
    "no meters": ("{}", "meters", "is missing"),
    "more than a card": ("meters: []\ncurrency: USD", "currency", "is not a field"),
    "an unknown field of a meter": (METER % "colour: red", "meters[0].colour", "is not a field"),
    "an unknown field of a price": (PRICE % 'per_unit: "1", tax: "2"', "meters[0].prices[0].tax", "is not a field"),
    "an unknown field of a tier": (
        PRICE % 'volume: [{amount: "1", price: "2"}]',
        "meters[0].prices[0].volume[0].price",
        "is not a field",
    ),
    "a field twice": (METER % "unit: hour", "meters[0].unit", "is given twice (line 2)"),
    "a dimension twice": (METER % "dimensions: {a: [x], a: [y]}", "meters[0].dimensions.a", "is given twice (line 2)"),
    "no service": ("meters: [{meter: minutes}]", "meters[0].service", "is missing"),
    "a service in capitals": ("meters: [{service: Job, meter: minutes}]", "meters[0].service", "matching regex"),
    "ten decimals": ("meters: [{service: job, meter: minutes, decimals: 10}]", "meters[0].decimals", "<= 9"),
    "a float": (PRICE % "per_unit: 0.01", "meters[0].prices[0].per_unit", "0.01 must be quoted"),
    "a float without decimals": (PRICE % "per_unit: 1.0", "meters[0].prices[0].per_unit", "1.0 must be quoted"),
    "not a number": (PRICE % "per_unit: .nan", "meters[0].prices[0].per_unit", ".nan must be quoted"),
    "an octal integer": (PRICE % "per_unit: 010", "meters[0].prices[0].per_unit", "010 must be quoted"),
    "a hexadecimal integer": (PRICE % "per_unit: 0x10", "meters[0].prices[0].per_unit", "0x10 must be quoted"),
    "an integer with a sign": (PRICE % "per_unit: +1", "meters[0].prices[0].per_unit", "+1 must be quoted"),
    "an integer with underscores": (PRICE % "per_unit: 1_000", "meters[0].prices[0].per_unit", "must be quoted"),
    "an integer in sixties": (METER % "free_monthly: 1:30", "meters[0].free_monthly", "1:30 must be quoted"),
    "a truth": (
        METER % "dimensions: {land: [de, no]}",
        "meters[0].dimensions.land[1]",
        "'no' is read as bool: quote it",
    ),
    "a number as a key": (METER % "dimensions: {1: [x]}", "meters[0].dimensions", "a key must be a text"),
    "a list as a key": (METER % "dimensions: {[a]: [x]}", "meters[0].dimensions", "a key must be a text"),
    "a merged mapping": (METER % "<<: {unit: hour}", "meters[0]", "is read as merge"),
    "a tag": (METER % "dimensions: {a: [!!binary aGk=]}", "meters[0].dimensions.a[0]", "is read as binary"),
    "a tag of our own": (METER % "dimensions: !x {a: [b]}", "meters[0].dimensions", "is read as !x"),
    "python": ("meters: !!python/object/apply:os.getcwd []", "meters", "is read as python"),
    "an alias": ("meters: [&a {service: job, meter: minutes}, *a]", "", "aliases are not allowed"),
    "two documents": ("meters: []\n---\nmeters: []", "", "expected a single document"),
    "no YAML": ("meters: [", "", "not YAML that can be read"),
    "a control character": ("meters: [\x01]", "", "not YAML that can be read"),
    "a character that is none": ('meters: ["\\UFFFFFFFF"]', "", "not YAML that can be read"),
    "half a character": ('meters: ["\\ud800"]', "", "not YAML that can be read"),
    "a NUL": (METER % 'dimensions: {a: ["\\0"]}', "meters[0].dimensions.a[0]", "NUL"),
    "nesting without end": ("[" * 5_000, "", "nested too deeply"),
    "more than a file may have": ("#" * (FILE_MAX + 1), "", "1000000 characters at most"),
    "no model": (PRICE % "version: 1", "meters[0].prices[0]", "and has none"),
    "two models": (PRICE % "per_unit: 1, volume: [{amount: 1}]", "meters[0].prices[0]", "and has per_unit and volume"),
    "a time without a zone": (
        METER % "prices: [{valid_from: 2026-01-01T00:00:00, per_unit: 1}]",
        "meters[0].prices[0].valid_from",
        "timezone",
    ),
    "a date": (METER % "prices: [{valid_from: 2026-01-01, per_unit: 1}]", "meters[0].prices[0].valid_from", "RFC3339"),
    "no time": (METER % "prices: [{per_unit: 1}]", "meters[0].prices[0].valid_from", "is missing"),
    "a currency in small letters": (PRICE % "per_unit: 1, asset: usd", "meters[0].prices[0].asset", "matching regex"),
    "version 0": (PRICE % "per_unit: 1, version: 0", "meters[0].prices[0].version", ">= 1"),
}
"""The text, and the path and message of what is wrong."""


@pytest.mark.parametrize("bad", BAD_FILES)
def test_a_bad_file_is_refused_and_says_where(bad: str) -> None:
    """By the path of the field, as in a request."""
    text, path, message = BAD_FILES[bad]
    with pytest.raises(InvalidRequest) as caught:
        read_card(text)
    assert path == caught.value.errors[0]["path"]
    assert message in caught.value.detail


BAD_NUMBERS: dict[str, tuple[str, str, type[InvalidRequest]]] = {
    "a negative amount": (PRICE % "per_unit: -1", "per_unit", InvalidAmount),
    "13 decimals": (PRICE % 'per_unit: "0.0000000000001"', "per_unit", InvalidAmount),
    "a null amount": (PRICE % "volume: [{amount: null}]", "volume[0].amount", InvalidAmount),
    "a bad flat amount": (PRICE % 'graduated: [{amount: 1, flat: ""}]', "graduated[0].flat", InvalidAmount),
    "three decimals of two": (
        PRICE % 'graduated: [{amount: 1, up_to: "1.234"}]',
        "graduated[0].up_to",
        InvalidQuantity,
    ),
    "a package of nothing": (PRICE % "package: {amount: 1, size: 0}", "package.size", InvalidQuantity),
}


@pytest.mark.parametrize("bad", BAD_NUMBERS)
def test_a_bad_number_is_refused_and_says_where(bad: str) -> None:
    """With the code that a request would get."""
    text, path, kind = BAD_NUMBERS[bad]
    with pytest.raises(kind) as caught:
        read_card(text)
    assert f"meters[0].prices[0].{path}" == caught.value.errors[0]["path"]


@given(
    st.text(max_size=200)
    | st.sampled_from([shipped(), PRICE % "per_unit: 1"]).flatmap(
        lambda text: st.tuples(st.integers(0, len(text)), st.integers(0, len(text)), st.text(max_size=3)).map(
            lambda cut: text[: cut[0]] + cut[2] + text[cut[1] :]
        )
    )
)
def test_any_text_is_a_card_or_is_refused(text: str) -> None:
    """Nothing else comes of it, however a file was cut or typed."""
    try:
        make_card(*read_card(text))
    except LedgerError as error:
        assert len(error.detail) < 1_000


def test_all_forms_can_be_written_by_hand() -> None:
    """Quoted or as a plain integer; a time with its offset, in UTC when it is read."""
    text = """
        meters:
          - service: job
            meter: minutes
            unit: minute
            decimals: 3
            dimensions: {size: [small, large], tag: null}
            free_monthly: 2
            prices:
              - {valid_from: 2026-01-01T01:00:00+01:00, valid_to: "2026-02-01T00:00:00Z", asset: CREDIT, per_unit: 3}
              - {version: 2, valid_from: 2026-02-01T00:00:00Z, package: {amount: "0.5", size: "1.5"}}
              - dimensions: {size: large}
                valid_from: 2026-01-01T00:00:00Z
                graduated: [{up_to: 10, amount: "1.00"}, {amount: "0.5", flat: 2}]
              - dimensions: {size: small}
                valid_from: 2026-01-01T00:00:00Z
                volume: [{amount: 1}]
    """
    start, change = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC)
    pico = 10**12
    named = {"service": "job", "meter": "minutes"}
    sizes: Mapping[str, tuple[str, ...] | None] = {"size": ("small", "large"), "tag": None}

    meters, prices = read_card(text)

    assert [Meter(**named, unit="minute", decimals=3, dimensions=sizes, free_monthly=2_000)] == meters
    assert [
        Price(**named, version=1, valid_from=start, valid_to=change, asset="CREDIT", model=PerUnit(3 * pico)),
        Price(**named, version=2, valid_from=change, model=Package(pico // 2, 1_500)),
        Price(
            **named,
            version=1,
            valid_from=start,
            dimensions={"size": "large"},
            model=Graduated((Tier(10_000, pico), Tier(None, pico // 2, 2 * pico))),
        ),
        Price(**named, version=1, valid_from=start, dimensions={"size": "small"}, model=Volume((Tier(None, pico),))),
    ] == prices


SHIPPED: list[tuple[str, dict[str, str], str, str, str]] = [
    ("sandbox_execution", {"template": "node"}, "minute", "0.1", "100"),
    ("sandbox_execution", {"template": "python"}, "minute", "0.1", "100"),
    ("sandbox_execution", {"template": "react"}, "minute", "0.2", "100"),
    ("sandbox_execution", {"template": "nextjs"}, "minute", "0.2", "100"),
    ("storage", {}, "GB-month", "1", "1"),
    ("workflow_processing", {}, "task", "0.01", "1000"),
    ("neural_training", {"size": "nano"}, "hour", "0.5", "0"),
    ("neural_training", {"size": "small"}, "hour", "1.5", "0"),
    ("neural_training", {"size": "medium"}, "hour", "5", "0"),
    ("neural_training", {"size": "large"}, "hour", "20", "0"),
]
"""Service, dimensions, unit, credits for one unit, units that are free each month."""


@pytest.mark.parametrize(("service", "dimensions", "unit", "credits", "free"), SHIPPED)
def test_the_shipped_card_costs_what_the_product_says(
    service: str, dimensions: dict[str, str], unit: str, credits: str, free: str
) -> None:
    """One unit beyond the free tier, in credits at 10 a dollar."""
    card = make_card(*read_card(shipped()))
    meter = card.meter(service, None, dimensions)
    terms = card.terms(meter, dimensions, LATER)
    charge = price(terms, terms.free + terms.one, Counters())

    assert unit == meter.unit
    assert Fraction(free) == Fraction(terms.free, terms.one)
    assert credits == format_amount(charge.micro)
    assert charge.free == terms.free


def test_the_shipped_card_leaves_the_rest_to_the_operator() -> None:
    """Four meters that count each, without a price; and all ten prices are in the table above."""
    card = make_card(*read_card(shipped()))
    priced = {service for service, *_ in SHIPPED}
    others = [meter for (service, _), meter in card.meters.items() if service not in priced]

    assert len(SHIPPED) == len(card.prices)
    assert ["swarm_orchestration", "api_call", "agent_deployment", "template_deployment"] == [
        meter.service for meter in others
    ]
    for meter in others:
        assert (None, None) == (meter.unit, meter.free_monthly)
        with pytest.raises(PriceNotFound):
            card.terms(meter, {}, LATER)


def test_the_page_shows_the_shipped_card() -> None:
    """The table of docs/concepts/rate-card.md is the card, line by line."""
    card, shown = make_card(*read_card(shipped())), list[tuple[str, ...]]()
    for line in section(PAGE, "The card that ships").splitlines():
        if not line.startswith("| `"):
            continue
        service, dimensions, *others = [cell.strip(" `") for cell in line.strip("|").split("|")]
        name, _, values = dimensions.partition("` ")
        shown += [(service, f"{name}={value}" if values else "–", *others) for value in values.split(", ")]

    expected = []
    for meter in card.meters.values():
        free = "–" if meter.free_monthly is None else format_decimal(meter.free_monthly, meter.decimals)
        prices = [each for each in card.prices if (each.service, each.meter) == (meter.service, meter.meter)]
        for each in prices or [None]:
            pairs = [] if each is None else [f"{name}={value}" for name, value in each.dimensions.items()]
            amount = format_decimal(each.model.amount_pico, 12) if each and isinstance(each.model, PerUnit) else "–"
            expected.append((meter.service, *(pairs or ["–"]), meter.unit or "–", amount, free))
    assert sorted(expected) == sorted(shown)


def test_the_file_on_the_page_is_a_card() -> None:
    """It is read, and written back with the same content."""
    (text,) = blocks(PAGE, "yaml")
    card = make_card(*read_card(text))
    assert card.prices == make_card(*read_card(write_card(card))).prices


def test_the_shipped_card_is_plain_yaml() -> None:
    """Any reader finds the same texts in it, since every amount is quoted."""
    read = yaml.safe_load(shipped())
    amounts = [each["per_unit"] for meter in read["meters"] for each in meter.get("prices", [])]
    assert {str} == {type(amount) for amount in amounts}
