"""What the meter refuses, each over a real TLS connection: the buffer then holds what it held before."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gateway import Gateway
from gateway.fehler import AntwortUnzulaessig, OrdnerFehler, QuittungUngueltig, SendeFehler
from gateway.ordner import Ordner
from telegramm.schluessel import ski
from tests.gateway.betreiber_fake import MONTAG, FakeBetreiber, enrolled, make_key, make_werte
from tests.gateway.tls_server import TlsServer, http, server_context

CMS = "Content-Type: application/cms"
Faelschung = Callable[[FakeBetreiber, bytes], bytes]


def receipt(body: bytes, *kopf: str) -> bytes:
    return http("200 OK", body, *(kopf or (CMS,)))


def right(betreiber: FakeBetreiber, body: bytes) -> bytes:
    return receipt(betreiber.answer(body).body)


def changed(**aenderung: Any) -> Faelschung:
    def answer(betreiber: FakeBetreiber, body: bytes) -> bytes:
        return receipt(betreiber.answer(body, **aenderung).body)

    answer.__name__ = f"with_{'_and_'.join(aenderung)}"
    return answer


def unsigned(betreiber: FakeBetreiber, body: bytes) -> bytes:
    telegramm, klartext, _ = betreiber.receive(body)
    return receipt(betreiber.store(telegramm, klartext).to_bytes())


def another_signer(betreiber: FakeBetreiber, body: bytes) -> bytes:
    telegramm, klartext, empfaenger = betreiber.receive(body)
    return receipt(betreiber.seal(betreiber.store(telegramm, klartext), empfaenger, make_key()).body)


def signed_by_the_encryption_key(betreiber: FakeBetreiber, body: bytes) -> bytes:
    telegramm, klartext, empfaenger = betreiber.receive(body)
    quittung = betreiber.store(telegramm, klartext)
    return receipt(betreiber.seal(quittung, empfaenger, betreiber.verschluesselung).body)


def wrong_recipient(betreiber: FakeBetreiber, body: bytes) -> bytes:
    telegramm, klartext, _ = betreiber.receive(body)
    return receipt(betreiber.seal(betreiber.store(telegramm, klartext), make_key().public_key()).body)


def tampered(betreiber: FakeBetreiber, body: bytes) -> bytes:
    quittung = betreiber.answer(body).body
    return receipt(quittung[:-1] + bytes([quittung[-1] ^ 1]))


def the_request_itself(betreiber: FakeBetreiber, body: bytes) -> bytes:
    return receipt(body)


def for_another_request(betreiber: FakeBetreiber, body: bytes) -> bytes:
    """A genuine receipt for the same readings in another request."""
    telegramm, _, empfaenger = betreiber.receive(body)
    anderes = replace(telegramm, anfrage=bytes(16))
    return receipt(betreiber.seal(betreiber.store(anderes, anderes.to_bytes()), empfaenger).body)


def redirect(betreiber: FakeBetreiber, body: bytes) -> bytes:
    betreiber.receive(body)
    return http("307 Temporary Redirect", b"", "Location: https://localhost:1/", CMS)


def too_large(betreiber: FakeBetreiber, body: bytes) -> bytes:
    return receipt(betreiber.answer(body).body + bytes(65_536))


def of_another_type(betreiber: FakeBetreiber, body: bytes) -> bytes:
    return receipt(betreiber.answer(body).body, "Content-Type: application/octet-stream")


def without_a_type(betreiber: FakeBetreiber, body: bytes) -> bytes:
    return receipt(betreiber.answer(body).body, "X-Nothing: 0")


def compressed(betreiber: FakeBetreiber, body: bytes) -> bytes:
    return receipt(gzip.compress(betreiber.answer(body).body), CMS, "Content-Encoding: gzip")


@contextmanager
def meter(pfad: Path, faelschung: Faelschung) -> Iterator[tuple[Gateway, FakeBetreiber]]:
    """A meter that sends to an operator which answers falsely the second time, and rightly the others."""
    betreiber = FakeBetreiber()
    betreiber.zeit = (MONTAG + 900) * 1000
    antworten = iter([right, faelschung])

    def answer(anfrage: bytes) -> bytes:
        return next(antworten, right)(betreiber, anfrage.partition(b"\r\n\r\n")[2])

    ordner = enrolled(pfad / "z1", betreiber)
    with TlsServer(server_context(pfad, betreiber), answer) as server:
        konfiguration = Ordner(ordner).load_konfiguration()
        Ordner(ordner).save_konfiguration(replace(konfiguration, telegramm_url=server.url))
        with Gateway.open(ordner, jetzt=lambda: MONTAG + 900.0) as gateway:
            yield gateway, betreiber


@pytest.mark.parametrize(
    ("faelschung", "fehler", "grund"),
    [
        (unsigned, QuittungUngueltig, "cms_ungueltig"),
        (another_signer, QuittungUngueltig, "nicht vom Betreiber unterzeichnet"),
        (signed_by_the_encryption_key, QuittungUngueltig, "nicht vom Betreiber unterzeichnet"),
        (the_request_itself, QuittungUngueltig, "nicht vom Betreiber unterzeichnet"),
        (wrong_recipient, QuittungUngueltig, "entschluesselung"),
        (tampered, QuittungUngueltig, "signatur|cms_ungueltig"),
        (changed(anfrage=bytes(16)), QuittungUngueltig, "quittung"),
        (changed(zu=bytes(32)), QuittungUngueltig, "quittung"),
        (for_another_request, QuittungUngueltig, "quittung"),
        (changed(zaehler="1EMH0099999999"), QuittungUngueltig, "quittung"),
        (changed(zeit=(MONTAG + 900) * 1000 - 1), QuittungUngueltig, "vor der letzten Quittung"),
        (changed(neu=2), QuittungUngueltig, "zählt andere Zeilen"),
        (changed(neu=4), QuittungUngueltig, "zählt andere Zeilen"),
        (changed(doppelt=1), QuittungUngueltig, "zählt andere Zeilen"),
        (changed(abgelehnt=((0, "konflikt"),)), QuittungUngueltig, "zählt andere Zeilen"),
        (changed(neu=2, abgelehnt=((3, "konflikt"),)), QuittungUngueltig, "quittung"),
        (redirect, AntwortUnzulaessig, "Umleitungen"),
        (too_large, AntwortUnzulaessig, "64 KiB"),
        (of_another_type, AntwortUnzulaessig, "Content-Type"),
        (without_a_type, AntwortUnzulaessig, "Content-Type"),
        (compressed, AntwortUnzulaessig, "komprimiert"),
    ],
    ids=lambda wert: getattr(wert, "__name__", None) if callable(wert) and not isinstance(wert, type) else "",
)
def test_the_buffer_holds_what_it_held(
    tmp_path: Path, faelschung: Faelschung, fehler: type[SendeFehler], grund: str
) -> None:
    with meter(tmp_path, faelschung) as (gateway, betreiber):
        gateway.puffer.put_many(make_werte(1))
        assert gateway.versand.send_one() is not None
        werte = make_werte(3, MONTAG + 900)
        gateway.puffer.put_many(werte)
        with pytest.raises(fehler, match=grund):
            gateway.versand.send_one()
        assert gateway.puffer.oldest(9) == werte
        assert gateway.puffer.letzte_quittung == (MONTAG + 900) * 1000
        # The next one is right again, and nothing was lost or doubled.
        assert gateway.versand.send_all().sent == 3
        assert list(betreiber.gespeichert.values()) == make_werte(1) + werte


def test_plain_http_is_not_spoken(tmp_path: Path) -> None:
    ordner = Ordner(enrolled(tmp_path / "z1", FakeBetreiber()))
    with Gateway.open(ordner) as gateway:
        gateway.puffer.put_many(make_werte(3))
    ordner.save_konfiguration(replace(ordner.load_konfiguration(), telegramm_url="http://localhost:8443/"))
    with pytest.raises(OrdnerFehler, match="https"):
        Gateway.open(ordner)
    with Gateway.open(ordner, uebertragung=object()) as gateway:  # type: ignore[arg-type]
        assert gateway.puffer.waiting() == 3


def test_a_receipt_replayed_for_the_next_telegramm_is_refused(tmp_path: Path) -> None:
    alte: list[bytes] = []

    def replay(betreiber: FakeBetreiber, body: bytes) -> bytes:
        return alte[0]

    with meter(tmp_path, replay) as (gateway, betreiber):
        richtig = betreiber.answer
        betreiber.answer = lambda body: alte.append(receipt((a := richtig(body)).body)) or a  # type: ignore
        gateway.puffer.put_many(make_werte(1))
        assert gateway.versand.send_one() is not None
        gateway.puffer.put_many(make_werte(1, MONTAG + 900))
        with pytest.raises(QuittungUngueltig):
            gateway.versand.send_one()
        assert gateway.puffer.waiting() == 1
        assert ski(betreiber.signatur.public_key()) in alte[0]
