"""Requests that are refused whatever they carry: as TLS, as HTTP, for want of room, without a token that fits."""

from collections.abc import Callable
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding

from betreiber.geraete import ZERTIFIKAT_SCHLUESSEL
from tests.ablesung.buehne import Buehne
from tests.ablesung.fall import Fall
from tests.kanal import Zaehler, csr

E2E_KANAL = "tests/e2e/test_kanal.py"
E2E_ANNAHME = "tests/e2e/test_annahme.py"


def _tls(eingabe: str, test: str) -> Fall:
    return Fall("TLS", eingabe, None, "", None, anderswo=f"{E2E_KANAL}::{test}")


def _request(eingabe: str, status: int, code: str, send: Callable[[Buehne], Any]) -> Fall:
    return Fall("request", eingabe, status, code, send)


def _container(b: Buehne, **kw: Any) -> Any:
    return b.post(b.container(), **kw)


def _shorter(b: Buehne) -> Any:
    der = b.container()
    return b.post_raw(der, CONTENT_LENGTH=str(len(der) + 1))


def _customer_api(b: Buehne) -> Any:
    tls = {ZERTIFIKAT_SCHLUESSEL: b.zaehler.enrolled.zertifikat_tls}
    return b.kunden_app().test_client().get("/v1/stromzaehler", environ_overrides=tls)


_CLIENT = "test_nobody_speaks_to_the_device_listener_without_a_certificate_of_ours"
VORHER = [
    _tls("no client certificate", _CLIENT),
    _tls("client certificate of a foreign CA", _CLIENT),
    _tls("client certificate expired", _CLIENT),
    _tls("client certificate of a content key", _CLIENT),
    _tls("server certificate as client certificate", _CLIENT),
    _tls("CA certificate as client certificate", _CLIENT),
    _tls("TLS 1.2", "test_tls_1_2_is_refused"),
    Fall(
        "load",
        "more requests waiting than `MSB_GERAETE_WARTEND`",
        503,
        "ueberlastet",
        None,
        retry_after=True,
        anderswo=f"{E2E_ANNAHME}::test_above_the_limit_devices_are_sent_away_at_once",
    ),
    _request("another path", 404, "pfad", lambda b: b.kanal.geraete.test_client().post("/v1/kunden", json={})),
    _request("another method", 405, "methode", lambda b: b.post_raw(b"", methode="GET")),
    _request(
        "Authorization, such as a JWT, on the device listener",
        401,
        "unbekannt",
        lambda b: _container(b, headers={"Authorization": "Bearer e30.e30.c2ln"}),
    ),
    _request(
        "client certificate of a meter on the customer API instead of a JWT",
        401,
        "nicht_angemeldet",
        _customer_api,
    ),
    _request(
        "no Content-Length: chunks",
        411,
        "laenge",
        lambda b: b.post_raw(b.container(), HTTP_TRANSFER_ENCODING="chunked"),
    ),
    _request("fewer bytes than Content-Length says", 411, "laenge", _shorter),
    _request("65,537 bytes", 413, "zu_gross", lambda b: b.post(b"\x30" * 65_537)),
    _request(
        "Content-Type application/json",
        415,
        "medientyp",
        lambda b: b.post(b"{}", content_type="application/json"),
    ),
    _request("no Content-Type", 415, "medientyp", lambda b: _container(b, content_type="")),
    _request("Content-Encoding", 415, "medientyp", lambda b: _container(b, headers={"Content-Encoding": "gzip"})),
]


NACHHER = [
    Fall(
        "load",
        "database down, at whatever step",
        503,
        "nicht_verfuegbar",
        None,
        retry_after=True,
        anderswo="tests/ablesung/test_telegramme.py::test_without_a_database_there_is_no_receipt",
    ),
]


def _enrol(eingabe: str, status: int, code: str, send: Callable[[Buehne], Any]) -> Fall:
    return Fall("enrolment", eingabe, status, code, send)


def _new_keys(b: Buehne) -> Zaehler:
    return Zaehler(b.zaehler.zaehlernummer, b.zaehler.stromzaehler_id)


def _with_token(b: Buehne, token: str, **werte: bytes) -> Any:
    neu = _new_keys(b)
    return b.kanal.enrol(neu, neu.einschreibung(token, **werte))


def _own_token(b: Buehne) -> str:
    return b.kanal.token(b.zaehler.stromzaehler_id)


def _used(b: Buehne) -> Any:
    token = _own_token(b)
    assert _with_token(b, token).status_code == 200
    return _with_token(b, token)


def _expired(b: Buehne) -> Any:
    token = _own_token(b)
    b.expire_tokens()
    return _with_token(b, token)


def _sixth_try(b: Buehne) -> Any:
    token = _own_token(b)
    for _ in range(5):
        assert _with_token(b, "falsch").status_code == 403
    # Even the right one is dead.
    return _with_token(b, token)


def _csr(make: Callable[[Buehne], bytes]) -> Callable[[Buehne], Any]:
    return lambda b: _with_token(b, _own_token(b), csr_tls=make(b))


def _rsa_csr(b: Buehne) -> bytes:
    schluessel = rsa.generate_private_key(public_exponent=65537, key_size=1024)
    antrag = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(schluessel, hashes.SHA256())
    return antrag.public_bytes(Encoding.DER)


def _unsigned_csr(b: Buehne) -> bytes:
    der = bytearray(csr(_new_keys(b).tls, b.zaehler.zaehlernummer))
    der[-1] ^= 1
    return bytes(der)


def _key_twice(b: Buehne) -> Any:
    neu = _new_keys(b)
    neu.signatur = neu.tls
    return b.kanal.enrol(neu, neu.einschreibung(_own_token(b)))


def _locked(b: Buehne) -> Any:
    token = _own_token(b)
    b.set_zustand("AUSGEBAUT")
    return _with_token(b, token)


EINSCHREIBUNG = [
    _enrol("token wrong", 403, "token", lambda b: _with_token(b, "falsch")),
    _enrol("token used, by other keys", 403, "token", _used),
    _enrol("token expired", 403, "token", _expired),
    _enrol(
        "token of another meter",
        403,
        "token",
        lambda b: _with_token(b, b.kanal.token(b.fremder.stromzaehler_id)),
    ),
    _enrol("sixth try, with the right token", 423, "token_gesperrt", _sixth_try),
    _enrol("meter removed", 403, "gesperrt", _locked),
    _enrol("certificate request is none", 400, "csr_ungueltig", _csr(lambda _: b"keiner")),
    _enrol("certificate request whose signature is wrong", 400, "csr_ungueltig", _csr(_unsigned_csr)),
    _enrol("weak key: RSA with 1,024 bits", 400, "csr_ungueltig", _csr(_rsa_csr)),
    _enrol(
        "key on another curve (P-384)",
        400,
        "csr_ungueltig",
        _csr(lambda b: csr(ec.generate_private_key(ec.SECP384R1()), b.zaehler.zaehlernummer)),
    ),
    _enrol("one key for two purposes", 400, "csr_ungueltig", _key_twice),
    _enrol(
        "foreign key: certified before",
        409,
        "schluessel_bekannt",
        _csr(lambda b: csr(b.fremder.tls, b.zaehler.zaehlernummer)),
    ),
    _enrol("body that is no enrolment", 422, "inhalt", lambda b: b.kanal.enrol(_new_keys(b), b"\xa1\x61v\x01")),
]
