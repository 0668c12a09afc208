"""scripts/demo: the operator and three households whose meters deliver a year of history and then go on."""

import argparse
import fcntl
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from betreiber.arbeitstage import arbeitstag_ab
from betreiber.zeit import VIERTELSTUNDE_S, day_start, local_date
from gateway.fehler import GatewayFehler
from scripts import fortschritt
from scripts.betreiberprozess import ApiKlient, BetreiberFehler, Betreiberprozess
from scripts.stammdaten import Haushalt, create_haushalt, create_staff, create_vertrag, plan_auftrag, plan_wartung
from stromzaehler_sim.historie import deliver_history
from stromzaehler_sim.last.lastprofil import LastprofilEinstellung
from stromzaehler_sim.mobilfunk.sim import Sim, generate_iccid, generate_puk
from stromzaehler_sim.stromzaehler import Stromzaehler, zaehlwerk_datei
from stromzaehler_sim.uhr import Uhr
from stromzaehler_sim.zaehlwerk import Zaehlwerk

ORDNER = Path("var/demo")
TAGE_HISTORIE = 365
TAGE_PRUEFUNG = 7
# Two people, a single, a family with a roof of 5 kW peak.
HAUSHALTE = (
    LastprofilEinstellung(seed=1, jahresverbrauch_kwh=3200),
    LastprofilEinstellung(seed=2, jahresverbrauch_kwh=1900),
    LastprofilEinstellung(seed=3, jahresverbrauch_kwh=4600, pv_kwp=5.0),
)
SACHBEARBEITUNG = ("sachbearbeitung@example.org", "drei Akten im Schrank", "sachbearbeitung")
PLANUNG = ("planung@example.org", "vier Termine am Montag", "wartung")
TARIF = ("tarif@example.org", "zwei Preise im Blatt", "tarif")
MONTEUR = ("monteur@example.org", "fünf Schrauben im Kasten", "monteur")
# What a control room is told lies as files in the mail folder of the data.
LEITSTAND = {"MSB_STOERUNG_MAIL": "leitstand@example.org", "MSB_WARTUNG_MAIL": "leitstand@example.org"}


class DemoFehler(Exception):
    """The demo cannot go on; the text says what to do."""


@dataclass
class Zustand:
    """What a second start needs to know; kept in demo.json of the data folder.

    `simuliert` is the newest instant that the demo's clock showed: a clock never goes back, because no meter
    would believe a receipt from its past. Times in seconds since 1970.
    """

    historie_von: int = 0
    historie_bis: int = 0
    historie_fertig: bool = False
    simuliert: float = 0.0
    haushalte: list[dict[str, Any]] = field(default_factory=list)

    @classmethod
    def load(cls, datei: Path) -> "Zustand":
        return cls(**json.loads(datei.read_text(encoding="utf-8"))) if datei.exists() else cls()

    def save(self, datei: Path) -> None:
        neu = datei.with_suffix(".neu")
        neu.write_text(json.dumps(asdict(self), indent=1), encoding="utf-8")
        neu.replace(datei)

    def list_haushalte(self) -> list[Haushalt]:
        return [Haushalt(**eintrag | {"ordner": Path(eintrag["ordner"])}) for eintrag in self.haushalte]


class Demo:
    """One run of the demo in a data folder."""

    def __init__(self, ordner: Path, zeitraffer: float, tage: int, umgebung: dict[str, str]) -> None:
        self.ordner = ordner
        self.datei = ordner / "demo.json"
        self.zustand = Zustand.load(self.datei)
        self.tage = tage
        jetzt = time.time()
        start = max(jetzt, self.zustand.simuliert)
        if zeitraffer != 1.0 or start > jetzt:
            umgebung = umgebung | {
                "MSB_UHR_START": _instant(start),
                "MSB_UHR_BEZUG": _instant(jetzt),
                "MSB_UHR_FAKTOR": str(zeitraffer),
            }
        # A simulated clock is the same for whoever looks at a meter or makes a token.
        self.uhrzeit = "".join(f"{name}={wert} " for name, wert in umgebung.items() if name.startswith("MSB_UHR_"))
        self.betreiber = Betreiberprozess(ordner / "betreiber", LEITSTAND | umgebung)
        self.uhr = Uhr.from_env(umgebung)
        self.halt = threading.Event()

    def set_up(self) -> list[Haushalt]:
        """Customers, contracts, meters, logins; on a later start they are there."""
        if not self.zustand.haushalte:
            self.zustand.historie_bis = int(self.uhr.now()) // VIERTELSTUNDE_S * VIERTELSTUNDE_S
            self.zustand.historie_von = self.zustand.historie_bis - self.tage * 86_400
            seit = datetime.fromtimestamp(self.zustand.historie_von, UTC)
            for person in (SACHBEARBEITUNG, PLANUNG, TARIF, MONTEUR):
                create_staff(self.betreiber, *person)
            sachbearbeitung, planung, tarif = (self.login(person) for person in (SACHBEARBEITUNG, PLANUNG, TARIF))
            preisblatt = tarif.post(
                "/v1/tarife",
                bezeichnung="Haushaltsstrom Demo",
                produkt="STROMLIEFERUNG",
                grundpreis_eur_monat="12.9000",
                arbeitspreis_ct_kwh="31.4200",
                gueltig_von_datum=seit.date().isoformat(),
            )
            for nummer, lastprofil in enumerate(HAUSHALTE, start=1):
                ordner = (self.ordner / "zaehler" / str(nummer)).absolute()
                haushalt = create_haushalt(
                    self.betreiber, sachbearbeitung, planung, nummer, seit, ordner, anschlussleistung_kw="30.000"
                )
                lastprofil.save(ordner)
                karte = generate_iccid(haushalt.zaehlernummer)
                Sim(iccid=karte, apn="internet.m2m", pin="", puk=generate_puk(karte)).save(ordner)
                create_vertrag(sachbearbeitung, haushalt, preisblatt["tarif_id"], seit)
                plan_wartung(planung, haushalt, local_date(seit) + timedelta(days=365 + 30 * nummer))
                self.zustand.haushalte.append(asdict(haushalt) | {"ordner": str(ordner)})
                fortschritt.show(f"Haushalt {nummer} von {len(HAUSHALTE)} angelegt, Zähler eingeschrieben")
            morgen = local_date(datetime.fromtimestamp(self.uhr.now(), UTC)) + timedelta(days=1)
            plan_auftrag(planung, haushalt, self.login(MONTEUR), arbeitstag_ab(morgen, "NW"))
            self.zustand.save(self.datei)
        return self.zustand.list_haushalte()

    def login(self, person: tuple[str, str, str]) -> ApiKlient:
        klient = ApiKlient(self.betreiber.url)
        klient.login(person[0], person[1])
        return klient

    def deliver_history(self, haushalte: list[Haushalt], gemeldet: threading.Event) -> None:
        """All meters at once, the newest week first; `gemeldet` is set when every meter has delivered that."""
        if self.zustand.historie_fertig:
            gemeldet.set()
            return
        stand: dict[int, tuple[int, int]] = {}
        woche = TAGE_PRUEFUNG * 96

        def deliver(haushalt: Haushalt) -> None:
            def report(fertig: int, gesamt: int) -> None:
                stand[haushalt.stromzaehler_id] = (fertig, gesamt)
                summe = sum(fertig for fertig, _ in stand.values())
                alle = sum(gesamt for _, gesamt in stand.values())
                fortschritt.show(f"Historie: {summe} von {alle} Ablesungen ({summe * 100 // alle} %)")
                if len(stand) == len(haushalte) and all(fertig >= woche for fertig, _ in stand.values()):
                    gemeldet.set()

            with Stromzaehler.open(haushalt.ordner, self.uhr) as zaehler:
                von, bis = self.zustand.historie_von, self.zustand.historie_bis
                deliver_history(zaehler, von, bis, on_progress=report, stop_event=self.halt)

        with ThreadPoolExecutor(len(haushalte)) as pool:
            list(pool.map(deliver, haushalte))
        gemeldet.set()
        self.zustand.historie_fertig = not self.halt.is_set()
        self.zustand.save(self.datei)
        print(flush=True)

    @contextmanager
    def meters(self, haushalte: list[Haushalt]) -> Iterator[subprocess.Popen[bytes]]:
        """The meters in a process of their own: from here on they speak with the operator over TLS only."""
        befehl = [sys.executable, "-m", "stromzaehler_sim.cli", "start", *(str(h.ordner) for h in haushalte)]
        with (self.ordner / "zaehler.log").open("ab") as log:
            popen = subprocess.Popen(
                befehl, env=self.betreiber.umgebung, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
            )
        try:
            yield popen
        finally:
            popen.terminate()
            try:
                popen.wait(30)
            except subprocess.TimeoutExpired:
                popen.kill()
                popen.wait()

    def remember_clock(self) -> None:
        self.zustand.simuliert = self.uhr.now()
        self.zustand.save(self.datei)

    def week(self) -> tuple[datetime, datetime]:
        """The seven local days before the end of the history, as a period."""
        bis = local_date(datetime.fromtimestamp(self.zustand.historie_bis, UTC))
        von = max(
            day_start(bis - timedelta(days=TAGE_PRUEFUNG)), datetime.fromtimestamp(self.zustand.historie_von, UTC)
        )
        return von, day_start(bis)

    def curl_lines(self, haushalt: Haushalt) -> list[list[str]]:
        """Log in, and ask for one's own Verbrauch by day; the token of the first line goes into the second."""
        von, bis = self.week()
        anmeldung = json.dumps({"benutzername": haushalt.benutzername, "passwort": haushalt.passwort})
        klient = ApiKlient(self.betreiber.url)
        klient.login(haushalt.benutzername, haushalt.passwort)
        frage = f"von={_instant(von.timestamp())}&bis={_instant(bis.timestamp())}&aufloesung=tag".replace(
            "+", "%2B"
        )
        return [
            [
                "curl", "-s", f"{self.betreiber.url}/v1/anmeldung",
                "-H", "Content-Type: application/json", "-d", anmeldung,
            ],
            [
                "curl", "-s", f"{self.betreiber.url}/v1/kunden/{haushalt.kunde_id}/verbrauch?{frage}",
                "-H", klient.authorization,
            ],
        ]  # fmt: skip

    def print_entrance(self, haushalte: list[Haushalt]) -> None:
        """Addresses, logins, and lines to copy."""
        kunde = haushalte[0]
        anmelden, verbrauch = self.curl_lines(kunde)
        daten = shlex.quote(str(self.ordner / "betreiber"))
        print(
            f"\n\n  API-Beschreibung   {self.betreiber.url}/docs"
            f"\n  Zustand, Metriken  {self.betreiber.betrieb_url}/readyz, /metrics"
            f"\n\n  Kunde              {kunde.benutzername} / {kunde.passwort}"
            f"\n  Sachbearbeitung    {SACHBEARBEITUNG[0]} / {SACHBEARBEITUNG[1]}"
            f"\n  Wartungsplanung    {PLANUNG[0]} / {PLANUNG[1]}"
            f"\n  Tarife             {TARIF[0]} / {TARIF[1]}"
            f"\n  Monteur            {MONTEUR[0]} / {MONTEUR[1]}"
            f"\n\n  Anmelden (ein Token gilt eine Viertelstunde):\n    {shlex.join(anmelden)}"
            f"\n\n  Verbrauch der letzten Woche, sofort:\n    {shlex.join(verbrauch)}"
            "\n\n  Anzeige eines Zählers:"
            f"\n    {self.uhrzeit}.venv/bin/stromzaehler display {shlex.quote(str(kunde.ordner))}"
            "\n\n  Den Betreiber verwalten:"
            f"\n    {self.uhrzeit}MSB_DATEN={daten} .venv/bin/betreiber pki zeigen\n",
            flush=True,
        )

    def check(self, haushalte: list[Haushalt]) -> list[str]:
        """Call the demo's own curl lines and compare with the registers of the meters; one line a mistake."""
        fehler = []
        von, bis = self.week()
        for haushalt in haushalte:
            _, zeile = self.curl_lines(haushalt)
            summe = _curl(zeile)["summe"]
            mit_curl = (summe["bezug_wh"], summe["einspeisung_wh"], summe["vorhanden"])
            with Zaehlwerk(zaehlwerk_datei(haushalt.ordner), HAUSHALTE[0].build()) as zaehlwerk:
                staende = zaehlwerk.readings(int(von.timestamp()), int(bis.timestamp()) + 1)
            vom_zaehler = (
                staende[-1].bezug_wh - staende[0].bezug_wh,
                staende[-1].einspeisung_wh - staende[0].einspeisung_wh,
                len(staende) - 1,
            )
            print(f"{haushalt.zaehlernummer}: Zähler {vom_zaehler}, API {mit_curl}")
            if mit_curl != vom_zaehler or not mit_curl[0]:
                fehler.append(f"{haushalt.zaehlernummer}: der Zähler sagt {vom_zaehler}, die API {mit_curl}")
        return fehler


def run(demo: Demo, *, pruefen: bool) -> int:
    """Start everything; return when told to stop, or with `pruefen` after the check."""
    print("Der Betreiber startet ...", flush=True)
    with demo.betreiber:
        haushalte = demo.set_up()
        gemeldet = threading.Event()
        historie = threading.Thread(target=_guarded, args=(demo, haushalte, gemeldet))
        historie.start()
        while not gemeldet.wait(0.5) and not demo.halt.is_set():
            pass
        if pruefen:
            historie.join()
            fehler = demo.check(haushalte)
            print("\n".join(fehler) or "Alles geprüft: die API sagt, was die Zähler gezählt haben.")
            return 1 if fehler else 0
        if not demo.halt.is_set():
            demo.print_entrance(haushalte)
        historie.join()
        if not demo.halt.is_set():
            with demo.meters(haushalte) as zaehler:
                print(f"Die Zähler senden jede Viertelstunde weiter (Protokoll: {demo.ordner}/zaehler.log).")
                print("Anhalten mit Ctrl-C.", flush=True)
                while not demo.halt.wait(2):
                    demo.remember_clock()
                    if zaehler.poll() is not None:
                        raise DemoFehler(f"the meters have stopped; {demo.ordner}/zaehler.log says why")
        demo.remember_clock()
    print("\nAlles angehalten. Weiter mit scripts/demo, von vorn mit scripts/demo --neu.")
    return 0


def _guarded(demo: Demo, haushalte: list[Haushalt], gemeldet: threading.Event) -> None:
    try:
        demo.deliver_history(haushalte, gemeldet)
    except GatewayFehler as error:
        print(f"\nDie Historie ist unterbrochen: {error}", file=sys.stderr)
        demo.halt.set()


def _curl(zeile: list[str]) -> Any:
    if shutil.which("curl") is None:
        raise DemoFehler("curl is missing; install it, for example: apt-get install curl")
    ausgabe = subprocess.run(zeile, capture_output=True, text=True, check=True, timeout=60).stdout
    return json.loads(ausgabe)


def _instant(sekunden: float) -> str:
    return datetime.fromtimestamp(sekunden, UTC).isoformat()


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="scripts/demo",
        description="Run the operator with three simulated households: a year of history through the channel, "
        "the newest week first, then a reading every quarter hour. Ctrl-C stops; a second start goes on.",
        epilog="example: scripts/demo --zeitraffer 60; other ports: MSB_PORT=8080 scripts/demo "
        "(and MSB_GERAETE_PORT, MSB_EINSCHREIBUNG_PORT, MSB_BETRIEB_PORT)",
    )
    parser.add_argument("--zeitraffer", type=float, default=1.0, metavar="N", help="let time run N times as fast")
    parser.add_argument("--neu", action="store_true", help="throw the demo's data away and start afresh")
    parser.add_argument(
        "--pruefen", action="store_true", help="check a week of history in a temporary folder, on free ports"
    )
    argumente = parser.parse_args()
    os.umask(0o077)  # demo.json holds passwords
    if not 0 < argumente.zeitraffer <= 10_000:
        parser.error("--zeitraffer takes a number above 0, at most 10000")
    try:
        if argumente.pruefen:
            with tempfile.TemporaryDirectory(prefix="msb-demo-") as temporaer:
                return _run_until_stopped(
                    Demo(Path(temporaer), argumente.zeitraffer, TAGE_PRUEFUNG, {}), pruefen=True
                )
        with _alone():
            if argumente.neu and ORDNER.exists():
                shutil.rmtree(ORDNER)
            demo = Demo(ORDNER, argumente.zeitraffer, TAGE_HISTORIE, _fixed_ports())
            return _run_until_stopped(demo, pruefen=False)
    except (BetreiberFehler, DemoFehler, GatewayFehler, OSError) as error:
        print(f"\nscripts/demo: {error}", file=sys.stderr)
        return 1


def _run_until_stopped(demo: Demo, *, pruefen: bool) -> int:
    for nummer in (signal.SIGINT, signal.SIGTERM):
        signal.signal(nummer, lambda *_: demo.halt.set())
    return run(demo, pruefen=pruefen)


@contextmanager
def _alone() -> Iterator[None]:
    """Whoever has the lock has the data folder: no second demo joins it, or throws it away."""
    ORDNER.parent.mkdir(parents=True, exist_ok=True)
    with ORDNER.with_suffix(".sperre").open("w") as sperre:
        try:
            fcntl.flock(sperre, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DemoFehler(f"a demo runs in {ORDNER} already; stop it first") from None
        yield


def _fixed_ports() -> dict[str, str]:
    """The ports of the README; whoever set others keeps them."""
    standard = {"MSB_PORT": "8000", "MSB_GERAETE_PORT": "8443", "MSB_EINSCHREIBUNG_PORT": "8444"}
    standard["MSB_BETRIEB_PORT"] = "9000"
    return {name: os.environ.get(name, port) for name, port in standard.items()}


if __name__ == "__main__":
    sys.exit(main())
