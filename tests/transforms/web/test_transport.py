"""How bytes travel: addresses are checked, certificates hold, connections are used again."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.kit.fetching import fail, fetch_in, fetch_many, get, spellings
from tests.kit.replies import raw, to
from tests.kit.sites import Reply
from transforms.records import HttpFailure, Response
from transforms.web.asking import World


def test_proxies_of_the_environment_are_left_alone(site, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("all_proxy", "http://127.0.0.1:1")
    assert get(site.at("/", Reply(200, b"direct"))).body == b"direct"


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "127.1", "2130706433", "0x7f000001", "0.0.0.0",
     "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::1]", "[::]"],
)  # fmt: skip
def test_private_addresses_are_refused_unless_allowed(site, host):
    site.at("/", Reply(200, b"secret"))
    failure = fail(f"http://{host}:{site.port}/", allow_private_hosts=False)
    assert (failure.error_type, failure.temporary) == ("AddressRefused", False)
    assert "--allow-private-hosts" in failure.message
    assert not site.connections


class Names:
    """A name server that answers as it likes, each time otherwise."""

    def __init__(self, *answers: str) -> None:
        self.answers, self.asked = list(answers), 0

    async def __call__(self, host: str, port: int) -> list[str]:
        self.asked += 1
        return [self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]]


def only_second(address: str) -> bool:
    """As if 127.0.0.2 were the public internet."""
    return address == "127.0.0.2"


def test_a_redirect_to_a_private_address_is_refused_at_the_hop(site, sites):
    site.at("/secret", Reply(200, b"secret"))
    public = sites("127.0.0.2")
    way = public.at("/", to(f"{site.base}/secret"))
    world = World(allowed=only_second)
    failure = fetch_in(world, [way], allow_private_hosts=False)[way]
    assert (failure.error_type, failure.temporary) == ("AddressRefused", False)
    assert failure.message.startswith("127.0.0.1, which is not public")
    assert (dict(public.seen()), site.connections) == ({"/": 1}, set())


def test_a_name_behind_a_redirect_is_checked_too(site, sites):
    public = sites("127.0.0.2")
    way = public.at("/", to(f"http://inside.example:{site.port}/secret"))

    async def names(host: str, port: int) -> list[str]:
        return ["127.0.0.1" if host == "inside.example" else host]

    world = World(resolve=names, allowed=only_second)
    failure = fetch_in(world, [way], allow_private_hosts=False)[way]
    assert failure.message.startswith("inside.example leads to 127.0.0.1, which is not public")
    assert site.connections == set()


def test_the_connection_goes_to_the_address_that_was_checked(sites):
    """A name that answers otherwise after the check: what it said at the check is asked."""
    public = sites("127.0.0.2")
    public.at("/", Reply(200, b"the public one"))
    names = Names("127.0.0.2", "127.0.0.2", "127.0.0.1")
    url = f"http://rebind.example:{public.port}/"
    world = World(resolve=names, allowed=only_second)
    assert fetch_in(world, [url], allow_private_hosts=False)[url].body == b"the public one"
    assert names.asked == 2, "for its room, and for the connection, which checks it"
    failure = fetch_in(world, [url], allow_private_hosts=False)[url]
    assert failure.error_type == "AddressRefused", "the next connection is checked anew"
    assert dict(public.seen()) == {"/": 1}


def certificate(folder: Path, name: str) -> ssl.SSLContext:
    """A server's side of TLS, with a certificate for a name that nobody else has signed."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ))  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return context


def test_a_certificate_that_nobody_signed_is_refused(sites, tmp_path):
    site = sites("127.0.0.1", certificate(tmp_path, "localhost"))
    site.at("/", Reply(200, b"secret"))
    url = f"https://localhost:{site.port}/"
    failure = fail(url, retries=0)
    assert (failure.error_type, failure.temporary) == ("BadCertificate", True)
    assert failure.message == "the certificate is not to be trusted: self-signed certificate"
    assert dict(site.seen()) == {}


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
@pytest.mark.parametrize("private", [True, False], ids=["private allowed", "public only"])
def test_a_certificate_holds_for_its_name_alone(sites, tmp_path, host, private):
    site = sites("127.0.0.1", certificate(tmp_path, "localhost"))
    site.at("/", Reply(200, b"for its name"))
    url = f"https://{host}:{site.port}/"
    trusting = ssl.create_default_context(cafile=tmp_path / "cert.pem")
    world = World(resolve=Names("127.0.0.1"), allowed=lambda _: True, tls=lambda: trusting)
    answer = fetch_in(world, [url], retries=0, allow_private_hosts=private)[url]
    if host == "localhost":
        assert isinstance(answer, Response)
        assert answer.body == b"for its name"
    else:
        assert isinstance(answer, HttpFailure)
        assert answer.error_type == "BadCertificate"
        assert "certificate is not valid for '127.0.0.1'" in answer.message
        assert dict(site.seen()) == {}


def test_odd_heads_are_read_over_tls_too(sites, tmp_path):
    site = sites("127.0.0.1", certificate(tmp_path, "localhost"))
    site.at("/", raw(b"HTTP/1.1 200 OK\r\nno header\r\nContent-Length : 4\r\n\r\nnews"))
    url = f"https://localhost:{site.port}/"
    trusting = ssl.create_default_context(cafile=tmp_path / "cert.pem")
    assert fetch_in(World(tls=lambda: trusting), [url], retries=0)[url].body == b"news"


@pytest.mark.parametrize(("kept", "connections"), [(2, 2), (1, 4)])
def test_few_hosts_keep_connections_that_do_nothing(site, kept, connections):
    site.at("/", Reply(200, b"x"))
    site.at("/2", Reply(200, b"x"))
    hosts = [f"http://{host}:{site.port}" for host in spellings(2)]
    urls = [host + path for host in hosts for path in ("/", "/2")]
    limits = {"host_concurrency": 1, "in_flight": 1, "idle_hosts": kept}
    assert len(list(fetch_many(urls, **limits))) == 4
    assert len(site.connections) == connections


@pytest.mark.parametrize(
    "reply", [Reply(304), Reply(404, b"none"), Reply(301, b"moved", {"Location": "/goal"})]
)
def test_answers_without_a_wanted_body_leave_the_connection_to_the_next(site, reply):
    site.at("/goal", Reply(200, b"x"))
    urls = [site.at(f"/{n}", reply) for n in range(3)]
    assert len(list(fetch_many(urls, host_concurrency=1))) == 3
    assert len(site.connections) == 1


def test_connections_behind_redirects_are_not_kept(site):
    goal = f"http://localhost:{site.port}/goal"
    site.at("/goal", Reply(200, b"x"))
    urls = [site.at(f"/{n}", to(goal)) for n in range(3)]
    assert len(list(fetch_many(urls, host_concurrency=1))) == 3
    assert len(site.connections) == 1 + 3, "the goal is left each time, the way to it is not"
