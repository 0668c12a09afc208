"""Releases of firmware: signed, offered to a share, withdrawn, and given out to meters in pieces."""

import hashlib
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID
from sqlalchemy import select, update

from betreiber.auth.domain import system_akteur
from betreiber.errors import EingabeUngueltig, KonfliktFehler, NichtGefunden
from betreiber.firmware.service import (
    Bildspeicher,
    Firmwarekatalog,
    list_firmware,
    release_firmware,
    widen_anteil,
    withdraw_firmware,
)
from betreiber.geraete import ZERTIFIKAT_SCHLUESSEL
from betreiber.schluessel import ca
from db.models import Audit, Ereignis, Geraeteschluessel, Stromzaehler
from db.models import Firmware as FirmwareZeile
from db.session import create_engine, create_session
from telegramm.firmware import Firmwareangebot, Firmwaremanifest
from telegramm.messwerte import Firmware
from telegramm.schluessel import public_key_of_certificate
from tests.hilfen import recorded_statements, run_while_locked
from tests.kanal import messwert

MODELL = "SIM-3.60"
ZAEHLERNUMMER = "1EMH0012345678"
BILD = bytes(range(256)) * 400  # 102,400 bytes: two pieces of 48 KiB and a rest of 4,096 bytes
SHA256 = hashlib.sha256(BILD).hexdigest()


@pytest.fixture(scope="module")
def unterzeichner():
    jetzt = datetime.now(UTC)
    return ca.create_firmware(ca.create_issuing_ca(ca.create_root(jetzt), jetzt), jetzt)


@pytest.fixture
def akteur(uhr):
    return system_akteur("test", uhr.now())


@pytest.fixture
def release(session, akteur, unterzeichner):
    """Release an image; arguments replace those of version 1.1.0 for everybody."""

    def tun(**werte):
        standard = {
            "bild": BILD,
            "modell": MODELL,
            "version": "1.1.0",
            "anteil_prozent": 100,
            "schluessel": unterzeichner.schluessel,
            "zertifikat": unterzeichner.zertifikat,
            "echtzeit": datetime.now(UTC),
        }
        return release_firmware(session, akteur, **standard | werte)

    return tun


def rows(session, art, spalten):
    return [tuple(zeile) for zeile in session.execute(select(*spalten).order_by(art))]


def test_a_release_is_signed_for_meters(session, release, unterzeichner, welt):
    welt.stromzaehler(modell=MODELL)
    welt.stromzaehler(modell=MODELL)
    welt.stromzaehler(modell="MT-175")
    assert release(anteil_prozent=5) == 2
    (zeile,) = list_firmware(session)
    assert (zeile.modell, zeile.firmwareversion, zeile.anteil_prozent) == (MODELL, "1.1.0", 5)
    angebot = Firmwareangebot(zeile.manifest, zeile.signatur, zeile.zertifikat)
    zertifikat = x509.load_der_x509_certificate(angebot.zertifikat)
    zwecke = zertifikat.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(zwecke) == [ExtendedKeyUsageOID.CODE_SIGNING]
    manifest = angebot.verify(public_key_of_certificate(zertifikat))
    assert manifest == Firmwaremanifest(MODELL, "1.1.0", bytes.fromhex(SHA256), 102_400)


def test_what_was_done_is_told_and_written_down(session, akteur, release):
    release(anteil_prozent=5)
    # Each of them twice: the second time changes nothing and is not told.
    for _ in range(2):
        widen_anteil(session, akteur, modell=MODELL, version="1.1.0", anteil_prozent=50)
    for _ in range(2):
        withdraw_firmware(session, akteur, modell=MODELL, version="1.1.0")
    ereignisse = rows(session, Ereignis.ereignis_id, (Ereignis.art, Ereignis.objekt_art, Ereignis.daten))
    assert ereignisse == [
        (
            "FIRMWARE_FREIGEGEBEN",
            "firmware",
            {"modell": MODELL, "version": "1.1.0", "anteil_prozent": 5, "sha256": SHA256},
        ),
        ("FIRMWARE_AUSGEWEITET", "firmware", {"modell": MODELL, "version": "1.1.0", "anteil_prozent": 50}),
        ("FIRMWARE_ZURUECKGEZOGEN", "firmware", {"modell": MODELL, "version": "1.1.0"}),
    ]
    assert rows(session, Audit.audit_id, (Audit.aktion, Audit.akteur)) == [
        (art, akteur.name) for art, _, _ in ereignisse
    ]


@pytest.mark.parametrize(
    ("werte", "fehler", "text"),
    [
        ({"version": "1.1.0", "bild": b"x"}, KonfliktFehler, "gab es schon Version 1.1.0"),
        ({"version": "1.1", "bild": b"x"}, KonfliktFehler, "gab es schon Version 1.1.0"),
        ({"version": "1.0.9", "bild": b"x"}, KonfliktFehler, "gab es schon Version 1.1.0"),
        ({"version": "neu", "bild": b"x"}, EingabeUngueltig, "zwei bis vier Zahlen"),
        ({"version": "1", "bild": b"x"}, EingabeUngueltig, "zwei bis vier Zahlen"),
        ({"version": "1.2.0", "bild": b"x", "modell": ""}, EingabeUngueltig, "druckbare Zeichen"),
        ({"version": "1.2.0", "bild": b""}, EingabeUngueltig, "1 bis 16777216 Byte, dieses 0"),
        ({"version": "1.2.0", "bild": bytes(2**24 + 1)}, EingabeUngueltig, "dieses 16777217"),
        (
            {"version": "1.2.0", "bild": b"x", "echtzeit": datetime.now(UTC) + timedelta(days=4 * 365)},
            KonfliktFehler,
            "firmware-schluessel --ersetzen",
        ),
    ],
    ids=lambda wert: "" if not isinstance(wert, str) else wert[:20],
)
def test_what_is_refused(session, release, werte, fehler, text):
    release()
    with pytest.raises(fehler, match=text):
        release(**werte)
    session.rollback()
    assert [zeile.firmwareversion for zeile in list_firmware(session)] == ["1.1.0"]


def test_a_withdrawn_version_counts_as_released(session, akteur, release):
    """A meter may have it, and would refuse an older one."""
    release(version="2.0.0")
    withdraw_firmware(session, akteur, modell=MODELL, version="2.0.0")
    with pytest.raises(KonfliktFehler, match=r"Version 2\.0\.0"):
        release(version="1.9.0", bild=b"x")
    session.rollback()
    release(version="1.9.0", bild=b"x", modell="MT-175")


def test_two_releases_at_once_on_postgresql(postgres_url, unterzeichner, uhr):
    """The second one passes the check while the first is not committed; the constraint stops it."""
    engine = create_engine(postgres_url)
    erste = FirmwareZeile(
        modell=MODELL,
        firmwareversion="1.1.0",
        sha256=bytes(32),
        bild=b"x",
        manifest=b"m",
        signatur=b"s",
        zertifikat=b"z",
        anteil_prozent=5,
        angelegt_zeitpunkt=uhr.now(),
    )
    ergebnis = []

    def release_same() -> None:
        with create_session(engine) as session:
            try:
                release_firmware(
                    session,
                    system_akteur("test", uhr.now()),
                    bild=BILD,
                    modell=MODELL,
                    version="1.1.0",
                    anteil_prozent=5,
                    schluessel=unterzeichner.schluessel,
                    zertifikat=unterzeichner.zertifikat,
                    echtzeit=datetime.now(UTC),
                )
            except KonfliktFehler as fehler:
                ergebnis.append(fehler.detail)

    run_while_locked(engine, erste, release_same)
    engine.dispose()
    assert ergebnis == ["Version 1.1.0 für SIM-3.60 wurde eben schon freigegeben."]


def test_the_share_only_grows(session, akteur, release):
    release(anteil_prozent=50)
    with pytest.raises(KonfliktFehler, match=r"schon 50 %.*zurueckziehen"):
        widen_anteil(session, akteur, modell=MODELL, version="1.1.0", anteil_prozent=49)
    session.rollback()
    widen_anteil(session, akteur, modell=MODELL, version="1.1.0", anteil_prozent=50)
    withdraw_firmware(session, akteur, modell=MODELL, version="1.1.0")
    with pytest.raises(KonfliktFehler, match="zurückgezogen"):
        widen_anteil(session, akteur, modell=MODELL, version="1.1.0", anteil_prozent=100)


def test_an_unknown_release_names_the_list(session, akteur):
    for tun in (
        lambda: widen_anteil(session, akteur, modell=MODELL, version="9.9.9", anteil_prozent=1),
        lambda: withdraw_firmware(session, akteur, modell=MODELL, version="9.9.9"),
    ):
        with pytest.raises(NichtGefunden) as gefangen:
            tun()
        assert "betreiber firmware liste" in gefangen.value.detail


# --- what a meter is offered -----------------------------------------------------------------------------------
def test_the_catalogue_asks_the_database_once_in_ten_seconds(engine, session, akteur, release):
    zeit = [0.0]
    katalog = Firmwarekatalog(monotonic=lambda: zeit[0])
    release()
    with recorded_statements(engine) as anweisungen:
        for zeit[0] in (0.0, 5.0, 9.9):
            katalog.refresh(session)
            assert katalog.find_angebot(MODELL, ZAEHLERNUMMER, "1.0.0") is not None
        assert len([text for text in anweisungen if "firmware" in text]) == 1
        # Images are large: the catalogue reads none.
        assert not any("bild" in text for text in anweisungen)
    withdraw_firmware(session, akteur, modell=MODELL, version="1.1.0")
    katalog.refresh(session)
    assert katalog.find_angebot(MODELL, ZAEHLERNUMMER, "1.0.0") is not None
    zeit[0] = 10.0
    katalog.refresh(session)
    assert katalog.find_angebot(MODELL, ZAEHLERNUMMER, "1.0.0") is None


def test_who_is_up_to_date_is_offered_nothing(session, release):
    release()
    katalog = Firmwarekatalog()
    katalog.refresh(session)
    assert katalog.find_angebot(MODELL, ZAEHLERNUMMER, "1.1.0") is None
    assert katalog.find_angebot("MT-175", ZAEHLERNUMMER, "1.0.0") is None


# --- what a meter fetches --------------------------------------------------------------------------------------
@pytest.fixture
def zaehler(kanal, welt):
    return kanal.enrolled(ZAEHLERNUMMER, welt.stromzaehler(zaehlernummer=ZAEHLERNUMMER, modell=MODELL))


@pytest.fixture
def fetch(kanal, zaehler):
    def tun(pfad, tls=None):
        tls = zaehler.enrolled.zertifikat_tls if tls is None else tls
        return kanal.geraete.test_client().get(
            f"/geraete/v1/firmware/{pfad}", environ_overrides={ZERTIFIKAT_SCHLUESSEL: tls}
        )

    return tun


def test_an_image_comes_in_pieces_of_48_kib(fetch, release):
    release()
    stuecke = [fetch(f"{SHA256}?von={von}") for von in (0, 49_152, 98_304)]
    assert [len(antwort.data) for antwort in stuecke] == [49_152, 49_152, 4_096]
    assert b"".join(antwort.data for antwort in stuecke) == BILD
    assert {antwort.mimetype for antwort in stuecke} == {"application/octet-stream"}
    assert fetch(SHA256).data == BILD[:49_152]
    assert fetch(f"{SHA256}?von=102399").data == b"\xff"


@pytest.mark.parametrize(
    ("pfad", "status", "code"),
    [
        (f"{SHA256}?von=102400", 416, "bereich"),
        (f"{SHA256}?von=999999999", 416, "bereich"),
        (f"{SHA256}?von=-1", 400, "anfrage"),
        (f"{SHA256}?von=", 400, "anfrage"),
        (f"{SHA256}?von=9999999999", 400, "anfrage"),
        (f"{SHA256}?von=²", 400, "anfrage"),
        (f"{'0' * 64}?von=0", 404, "firmware"),
        ("nonsense?von=0", 404, "firmware"),
    ],
)
def test_what_cannot_be_fetched(fetch, release, pfad, status, code):
    release()
    antwort = fetch(pfad)
    assert (antwort.status_code, antwort.json["code"]) == (status, code)


def test_a_withdrawn_image_and_that_of_another_model_are_unknown(fetch, release, session, akteur):
    release(modell="MT-175")
    assert fetch(SHA256).json["code"] == "firmware"
    release(bild=b"x")
    assert fetch(hashlib.sha256(b"x").hexdigest()).data == b"x"
    withdraw_firmware(session, akteur, modell=MODELL, version="1.1.0")
    assert fetch(hashlib.sha256(b"x").hexdigest()).json["code"] == "firmware"


def test_the_same_image_is_released_again_under_a_higher_version(fetch, release, session, akteur):
    """After a change of the key: what was signed with the old one is refused when its certificate has ended."""
    release()
    release(version="1.2.0")
    release(version="1.0.0", modell="MT-175")
    # It is given out as long as one release of the model is on offer.
    withdraw_firmware(session, akteur, modell=MODELL, version="1.1.0")
    assert fetch(f"{SHA256}?von=98304").data == BILD[98_304:]
    withdraw_firmware(session, akteur, modell=MODELL, version="1.2.0")
    assert fetch(f"{SHA256}?von=98304").status_code == 404


def test_a_download_reads_the_image_once(kanal, fetch, release):
    release()
    with recorded_statements(kanal.geraete.extensions["msb_engine"]) as anweisungen:
        assert b"".join(fetch(f"{SHA256}?von={von}").data for von in (0, 49_152, 98_304)) == BILD
    assert len([text for text in anweisungen if "bild" in text]) == 1


def test_the_last_two_images_are_kept():
    gelesen = []

    def get(sha256):
        return bilder.get(sha256, lambda: gelesen.append(sha256) or b"image " + sha256)

    bilder = Bildspeicher(2)
    assert [get(sha256) for sha256 in (b"a", b"b", b"a", b"c", b"a", b"b")] == [
        b"image a", b"image b", b"image a", b"image c", b"image a", b"image b",
    ]  # fmt: skip
    assert gelesen == [b"a", b"b", b"c", b"b"]


def test_an_image_that_cannot_be_read_is_asked_for_again():
    bilder = Bildspeicher()
    with pytest.raises(ZeroDivisionError):
        bilder.get(b"a", lambda: 1 // 0)
    assert bilder.get(b"a", lambda: b"image") == b"image"


def test_a_meter_that_is_locked_gets_nothing(fetch, release, session, zaehler):
    release()
    for zustand in ("GESPERRT", "AUSGEBAUT", "VERSCHROTTET"):
        session.get(Stromzaehler, zaehler.stromzaehler_id).zustand = zustand
        session.commit()
        antwort = fetch(SHA256)
        assert (antwort.status_code, antwort.json["code"]) == (403, "gesperrt")


def test_a_revoked_key_gets_nothing_from_the_next_request_on(fetch, release, session, akteur):
    release()
    assert fetch(SHA256).status_code == 200
    schluessel = session.scalar(select(Geraeteschluessel).where(Geraeteschluessel.zweck == "TLS"))
    schluessel.gesperrt_zeitpunkt = akteur.zeitpunkt
    session.commit()
    assert (fetch(SHA256).status_code, fetch(SHA256).json["code"]) == (403, "gesperrt")


def test_a_key_that_has_ended_gets_nothing_over_a_connection_that_was_kept(fetch, release, session):
    release()
    ende = datetime.now(UTC) - timedelta(seconds=1)
    session.execute(update(Geraeteschluessel).where(Geraeteschluessel.zweck == "TLS").values(gueltig_bis=ende))
    session.commit()
    antwort = fetch(SHA256)
    assert (antwort.status_code, antwort.json["code"]) == (403, "gesperrt")


def test_only_the_tls_key_of_a_meter_fetches(fetch, release, zaehler):
    release()
    for fremd in (zaehler.enrolled.zertifikat_signatur, b"somebody else"):
        antwort = fetch(SHA256, fremd)
        assert (antwort.status_code, antwort.json["code"]) == (401, "unbekannt")


def test_the_enrolment_listener_knows_no_images(kanal, release):
    release()
    assert kanal.einschreibung.test_client().get(f"/geraete/v1/firmware/{SHA256}").status_code == 404


def test_fetching_changes_nothing(engine, fetch, release):
    release()
    with recorded_statements(engine) as anweisungen:
        fetch(SHA256)
    assert not [text for text in anweisungen if text.startswith(("INSERT", "UPDATE", "DELETE"))]


def test_the_receipt_announces_what_is_newer_than_what_runs(kanal, zaehler, uhr, welt, release):
    welt.einbau(zaehler.stromzaehler_id, welt.messstelle(), uhr.now() - timedelta(days=10))
    release()
    jetzt = int(uhr.now().timestamp())

    def announced(version):
        fw = None if version is None else Firmware(version, bytes(32))
        return kanal.send(zaehler, zaehler.telegramm(uhr, [messwert(jetzt, 1000)], fw=fw)).firmware

    angebot = announced("1.0.0")
    zertifikat = x509.load_der_x509_certificate(angebot.zertifikat)
    assert angebot.verify(public_key_of_certificate(zertifikat)).sha256.hex() == SHA256
    assert announced("1.1.0") is None
    assert announced(None) is None
