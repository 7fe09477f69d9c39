"""Which addresses a stranger's URL may lead to."""

from __future__ import annotations

import asyncio
import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.web.guard import AddressRefused, is_public, public_addresses


@pytest.mark.parametrize(
    "address",
    ["1.1.1.1", "93.184.216.34", "172.32.0.1", "2606:4700:4700::1111", "2a00:1450:4001:81b::200e",
     "::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::1"],
)  # fmt: skip
def test_public(address):
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        pytest.param("127.0.0.1", id="loopback"),
        pytest.param("127.255.255.254", id="loopback to its end"),
        pytest.param("0.0.0.0", id="this host"),
        pytest.param("10.1.2.3", id="private 10"),
        pytest.param("172.16.0.1", id="private 172.16"),
        pytest.param("172.31.255.255", id="private 172.31"),
        pytest.param("192.168.1.1", id="private 192.168"),
        pytest.param("169.254.169.254", id="metadata of clouds"),
        pytest.param("100.64.0.1", id="carrier NAT"),
        pytest.param("192.0.2.1", id="documentation"),
        pytest.param("198.18.0.1", id="benchmarks"),
        pytest.param("224.0.0.1", id="multicast"),
        pytest.param("240.0.0.1", id="reserved"),
        pytest.param("255.255.255.255", id="broadcast"),
        pytest.param("::", id="IPv6 unspecified"),
        pytest.param("::1", id="IPv6 loopback"),
        pytest.param("fe80::1", id="link-local"),
        pytest.param("fe80::1%eth0", id="link-local with zone"),
        pytest.param("fc00::1", id="unique local fc"),
        pytest.param("fd12:3456::1", id="unique local fd"),
        pytest.param("fec0::1", id="site-local"),
        pytest.param("ff02::1", id="IPv6 multicast"),
        pytest.param("ff0e::1", id="IPv6 global multicast"),
        pytest.param("2001:db8::1", id="IPv6 documentation"),
        pytest.param("4000::1", id="not given out"),
        pytest.param("::ffff:127.0.0.1", id="mapped loopback"),
        pytest.param("::ffff:10.0.0.1", id="mapped private"),
        pytest.param("::ffff:a9fe:a9fe", id="mapped metadata in hexadecimal"),
        pytest.param("::127.0.0.1", id="compatible loopback"),
        pytest.param("::ffff:0:127.0.0.1", id="translated loopback"),
        pytest.param("64:ff9b::7f00:1", id="NAT64 of loopback"),
        pytest.param("64:ff9b::a00:1", id="NAT64 of private"),
        pytest.param("64:ff9b:1::a00:1", id="local NAT64"),
        pytest.param("2002:7f00:1::", id="6to4 of loopback"),
        pytest.param("2002:c0a8:101::1", id="6to4 of private"),
        pytest.param("2001:0:4136:e378:8000:63bf:3fff:fdd2", id="Teredo"),
        pytest.param("2001:1::1", id="protocol assignments of IPv6"),
        pytest.param("3fff::1", id="new documentation"),
        pytest.param("3fff:fff:ffff::1", id="new documentation to its end"),
    ],
)
def test_not_public(address):
    assert not is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        pytest.param("192.0.0.192", id="metadata of Oracle"),
        pytest.param("192.0.0.8", id="dummy address"),
        pytest.param("192.0.0.255", id="protocol assignments to their end"),
        pytest.param("168.63.129.16", id="metadata of Azure"),
        pytest.param("192.88.99.1", id="relay of 6to4"),
        pytest.param("192.88.99.255", id="relays of 6to4 to their end"),
        pytest.param("169.254.169.254", id="metadata of most"),
        pytest.param("100.100.100.200", id="metadata of Alibaba"),
    ],
)
def test_services_of_clouds_and_networks_in_every_form(address):
    ip = int(ipaddress.IPv4Address(address))
    forms = {
        "plain": address,
        "mapped": f"::ffff:{address}",
        "6to4": str(ipaddress.IPv6Address((0x2002 << 112) | (ip << 80))),
        "NAT64": str(ipaddress.IPv6Address((0x64FF9B << 96) | ip)),
        "local NAT64": str(ipaddress.IPv6Address((0x64FF9B0001 << 80) | ip)),
        "Teredo": str(ipaddress.IPv6Address((0x20010000 << 96) | (ip ^ 0xFFFFFFFF))),
        "Teredo's server": str(ipaddress.IPv6Address((0x20010000 << 96) | (ip << 64))),
    }
    assert [name for name, form in forms.items() if is_public(form)] == []


@pytest.mark.parametrize("address", ["168.63.129.15", "192.0.1.1", "192.88.98.1", "2001:200::1"])
def test_their_neighbours_are_public(address):
    assert is_public(address)


@pytest.mark.parametrize("place", range(4))
def test_one_address_among_many_that_is_not_public_is_enough(place):
    """A name server may answer with good ones first."""
    addresses = ["1.1.1.1", "93.184.216.34", "2606:4700:4700::1111"]
    addresses.insert(place, "10.0.0.7")

    async def find(host: str, port: int) -> list[str]:
        return addresses

    with pytest.raises(AddressRefused, match=r"two-faced.example leads to 10\.0\.0\.7, which"):
        asyncio.run(public_addresses("two-faced.example", 443, find, is_public))
    addresses.remove("10.0.0.7")
    assert asyncio.run(public_addresses("two-faced.example", 443, find, is_public)) == addresses


@given(st.ip_addresses(v=4))
def test_an_embedded_address_is_judged_as_itself(ip):
    inner = is_public(str(ip))
    assert is_public(f"::ffff:{ip}") == inner
    assert is_public(str(ipaddress.IPv6Address((0x64FF9B << 96) | int(ip)))) == inner
    assert is_public(str(ipaddress.IPv6Address((0x2002 << 112) | (int(ip) << 80)))) == inner
