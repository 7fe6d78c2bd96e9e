"""The parser of URLs that users give, and the list of what an operator allows."""

import socket
from ipaddress import ip_address
from urllib.parse import urlsplit

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import UrlRefused
from ledger.kit.egress.addresses import refused
from ledger.kit.egress.allow import AllowList
from ledger.kit.egress.urls import URL_CHARACTERS_MAX, judge, parse

NOBODY = AllowList()
LISTED = AllowList.read(
    "10.20.0.0/16, hooks.internal:8080, receiver, [fd00::7]:9000, 127.0.0.1:8080, shop.example.com:9443, fd01::/16"
)


@pytest.mark.parametrize(
    ("url", "origin", "path"),
    [
        ("https://example.com", "https://example.com", "/"),
        ("https://example.com/", "https://example.com", "/"),
        ("HTTPS://Example.COM./a/../b?c=%2F&d", "https://example.com", "/a/../b?c=%2F&d"),
        ("https://example.com?x=1", "https://example.com", "/?x=1"),
        ("https://example.com:443/x", "https://example.com", "/x"),
        ("https://example.com:8443/x@y:z//", "https://example.com:8443", "/x@y:z//"),
        ("https://bücher.example/", "https://xn--bcher-kva.example", "/"),
        ("https://straße.example/", "https://xn--strae-oqa.example", "/"),
        ("https://ｅｘａｍｐｌｅ。com/", "https://example.com", "/"),
        ("https://xn--bcher-kva.example/", "https://xn--bcher-kva.example", "/"),
        ("https://my_hook.example.com/", "https://my_hook.example.com", "/"),
        ("https://8.8.8.8/", "https://8.8.8.8", "/"),
        ("https://8.8.8.8./", "https://8.8.8.8", "/"),
        ("https://８.8.8.8/", "https://8.8.8.8", "/"),
        ("https://[2606:4700:0:0::1111]:8443/", "https://[2606:4700::1111]:8443", "/"),
        ("https://1.example.com/", "https://1.example.com", "/"),
        ("https://0x7f.example.com/", "https://0x7f.example.com", "/"),
    ],
)
def test_a_public_url_is_brought_to_one_spelling(url: str, origin: str, path: str) -> None:
    target = parse(url, NOBODY)
    assert (origin, path) == (target.origin, target.path)
    assert path not in repr(target) or path == "/", "paths and queries may be secrets"


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("", "not_a_url"),
        ("example.com", "not_a_url"),
        ("//example.com/", "not_a_url"),
        ("https:/example.com", "not_a_url"),
        ("https:example.com", "not_a_url"),
        ("ḣttps://example.com", "not_a_url"),
        ("https:///path", "no_host"),
        ("https://", "no_host"),
        ("https://.", "no_host"),
        ("https://:8443/", "no_host"),
        ("https://%31%32%37.0.0.1/", "host"),
        ("https://exa%00mple.com/", "host"),
        ("https://a..example.com/", "host"),
        ("https://example.com../", "host"),
        ("https://.example.com/", "host"),
        ("https://-a.example.com/", "host"),
        ("https://a!b.example.com/", "host"),
        ("https://[::1", "host"),
        ("https://::1/", "no_host"),
        ("https://[::1]x/", "host"),
        ("https://[127.0.0.1]/", "host"),
        ("https://[fe80::1%25eth0]/", "host"),
        ("https://[v1.fe]/", "host"),
        ("https://[]/", "host"),
        (f"https://{'a' * 64}.com/", "host"),
        (f"https://{'a.' * 130}com/", "host"),
        ("https://℀.example/", "host"),
        ("https://xn--a.example/", "host"),
        ("https://2130706433/", "address_spelling"),
        ("https://0x7f000001/", "address_spelling"),
        ("https://0X8/", "address_spelling"),
        ("https://017700000001/", "address_spelling"),
        ("https://8.8.8.0x8/", "address_spelling"),
        ("https://8.8.8.0X8/", "address_spelling"),
        ("https://0x8.8.8.8/", "address_spelling"),
        ("https://8.8.8/", "address_spelling"),
        ("https://08.8.8.8/", "address_spelling"),
        ("https://8.8.8.8.8/", "address_spelling"),
        ("https://8.8.8.256/", "address_spelling"),
        ("https://a.0x/", "address_spelling"),
        ("https://example.com:/", "port"),
        ("https://example.com:0/", "port"),
        ("https://example.com:0443/", "port"),
        ("https://example.com:+443/", "port"),
        ("https://example.com:65536/", "port"),
        ("https://example.com:4４3/", "port"),
        ("https://example.com:80:443/", "port"),
        ("https://example.com:22/", "port"),
        ("https://example.com:6379/", "port"),
        ("http://example.com:443/", "scheme"),
        ("http://example.com/", "scheme"),
        ("ftp://example.com/", "scheme"),
        ("file:///etc/passwd", "scheme"),
        ("gopher://example.com/", "scheme"),
        ("https+unix://example.com/", "scheme"),
        ("https://user@example.com/", "userinfo"),
        ("https://user:hunter2@example.com/", "userinfo"),
        ("https://example.com#@127.0.0.1/", "fragment"),
        ("https://example.com/#", "fragment"),
        ("https://example.com\\@127.0.0.1/", "characters"),
        ("https://example.com/a b", "characters"),
        (" https://example.com/", "characters"),
        ("https://example.com/\r\nX-Evil: 1", "characters"),
        ("https://exam\tple.com/", "characters"),
        ("https://example.com/\x00", "characters"),
        ("https://example.com/ü", "characters"),
        ("https://example.com\xa0/", "characters"),
        (f"https://example.com/{'a' * URL_CHARACTERS_MAX}", "too_long"),
        ("https://localhost/", "local_name"),
        ("https://LOCALHOST./", "local_name"),
        ("https://a.localhost/", "local_name"),
        ("https://ⓛocalhost/", "local_name"),
        ("https://metadata.google.internal/", "local_name"),
        ("https://printer.local/", "local_name"),
        ("https://db/", "local_name"),
    ],
)
def test_a_url_that_two_could_read_differently_is_refused(url: str, reason: str) -> None:
    with pytest.raises(UrlRefused) as caught:
        parse(url, NOBODY)
    assert reason == caught.value.reason, caught.value.detail
    assert reason == caught.value.facts["reason"]
    assert "hunter2" not in caught.value.detail


@pytest.mark.parametrize(
    "url",
    [
        "https://10.20.0.5/",
        "http://10.20.0.5/",
        "http://10.20.255.255:9/",
        "http://hooks.internal:8080/",
        "https://hooks.internal:8080/",
        "https://HOOKS.internal.:8080/",
        "http://receiver/",
        "http://receiver:5000/",
        "http://[fd00::7]:9000/",
        "http://[fd01::9]:1/",
        "http://127.0.0.1:8080/",
        "http://[::ffff:127.0.0.1]:8080/",
        "https://shop.example.com:9443/",
    ],
)
def test_what_an_operator_lists_may_have_any_scheme_and_port_of_its_entry(url: str) -> None:
    parse(url, LISTED)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("https://10.21.0.1/", "address"),
        ("http://hooks.internal:8081/", "local_name"),
        ("http://hooks.internal/", "local_name"),
        ("http://a.receiver/", "scheme"),
        ("http://[fd00::7]:9001/", "address"),
        ("http://127.0.0.1:8081/", "address"),
        ("http://127.0.0.2:8080/", "address"),
        ("https://shop.example.com:9444/", "port"),
        ("http://shop.example.com/", "scheme"),
    ],
)
def test_what_is_near_a_listed_receiver_is_not_listed(url: str, reason: str) -> None:
    with pytest.raises(UrlRefused) as caught:
        parse(url, LISTED)
    assert reason == caught.value.reason


@pytest.mark.parametrize(
    ("url", "leads_to", "reason"),
    [
        ("https://example.com/", ["8.8.8.8", "2606:4700::1111"], None),
        ("https://example.com/", ["8.8.8.8", "10.1.1.1"], "address"),
        ("https://example.com/", ["::ffff:10.1.1.1"], "address"),
        ("https://example.com/", ["10.20.1.1"], None),  # the network is listed, under whatever name
        ("http://hooks.internal:8080/", ["192.168.1.1", "127.0.0.1", "100.64.0.1", "fd00::1"], None),
        ("http://hooks.internal:8080/", ["169.254.169.254"], "address"),
        ("http://hooks.internal:8080/", ["224.0.0.1"], "address"),
        ("http://hooks.internal:8080/", ["168.63.129.16"], "address"),
        ("http://hooks.internal:8080/", ["8.8.8.8"], "plain_http"),
        ("https://hooks.internal:8080/", ["8.8.8.8"], None),
    ],
)
def test_all_that_a_name_leads_to_is_judged(url: str, leads_to: list[str], reason: str | None) -> None:
    """A listed name may be private, but no cloud's metadata; plain HTTP does not go out to the world."""
    target, addresses = parse(url, LISTED), [ip_address(text) for text in leads_to]
    if reason is None:
        judge(target, addresses, LISTED)
        return
    with pytest.raises(UrlRefused) as caught:
        judge(target, addresses, LISTED)
    assert reason == caught.value.reason
    assert not any(text in caught.value.detail for text in leads_to), "where a name leads to is for our log alone"


@pytest.mark.parametrize(
    "text",
    ["10.0.0.1/8", "10.0.0.0/33", "a b", "http://a", "a:b", "a:0", "[::1", "0x7f.1", "a/24", "*.a", "[a]:1", "1.2.3"],
)
def test_a_list_that_cannot_be_read_says_which_entry(text: str) -> None:
    with pytest.raises(ValueError, match="'") as caught:
        AllowList.read(f"10.0.0.0/8, {text}")
    assert repr(text) in str(caught.value)


def test_an_empty_list_allows_nothing() -> None:
    assert NOBODY == AllowList.read("") == AllowList.read(" , ")


PIECES = st.sampled_from(
    "https:// http:// HTTPS:// / // : @ ? # . .. [ ] % %2e %00 \\ \t 127.0.0.1 127.1 0x7f.1 0177.0.0.1 2130706433 ::1 "
    "[::1] [::ffff:127.0.0.1] ::ffff:7f00:1 [64:ff9b::7f00:1] localhost a.example 8.8.8.8 443 8443 :8443 @a.example "
    "１２７ 。 ⓛ xn-- xn--a -a a- _ user:pw@ 10.0.0.1 256 08 0 ·  ­ ‮ ﹒ ℀".split(" ")
)


@given(st.one_of(st.lists(PIECES, max_size=8).map(lambda pieces: "https://" + "".join(pieces)), st.text(max_size=40)))
def test_what_is_taken_is_read_alike_by_other_readers(text: str) -> None:
    """Fuzzed: whatever the parser takes, httpx and Python see the same host, and no reader of addresses another one."""
    try:
        target = parse(text, NOBODY)
    except UrlRefused:
        return
    url = f"{target.origin}{target.path}"
    assert target == parse(url, NOBODY)
    split = urlsplit(url)
    assert (target.scheme, target.host) == (split.scheme, split.hostname)
    assert target.port == (split.port or 443)
    assert target.host == httpx.URL(url).raw_host.decode().strip("[]")
    try:
        taken = socket.inet_ntoa(socket.inet_aton(target.host))
    except OSError:
        taken = None
    assert taken == (target.host if target.address is not None and target.address.version == 4 else None)
    assert target.address is None or refused(target.address) is None
