"""The steps of a scenario: what happens to the operator, each as one who does it."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import groupby

from betreiber.ablesung import speicher
from betreiber.auth.domain import system_akteur
from betreiber.ersatzwert.domain import Regeln
from betreiber.ersatzwert.service import form_ersatzwerte
from db.session import create_session
from tests.kanal import messwert


def seconds(text):
    zeitpunkt = datetime.fromisoformat(text)
    assert zeitpunkt.tzinfo is not None, f"{text} needs an offset"
    return int(zeitpunkt.timestamp())


class Buehne:
    """Customers, places and meters by the names of the scenario, and the hands that act."""

    def __init__(self, kanal, client, als, welt, uhr, engine):
        self.kanal, self.client, self.als, self.welt, self.uhr, self.engine = kanal, client, als, welt, uhr, engine
        self.kunden, self.zaehler, self.messstellen = {}, {}, {}
        self.ausgetauscht = False

    @property
    def namen(self):
        """The meters' names by their ids."""
        return {eintrag.stromzaehler_id: name for name, eintrag in self.zaehler.items()}

    def set_up(self, zaehler, zuordnungen):
        """`given`: the meters with their places, and whose they are."""
        for zeile in zaehler:
            self._add_zaehler(zeile["zaehler"], zeile)
            if zeile["eingebaut"]:
                messstelle_id = self._messstelle(zeile["messstelle"], zeile["anschlussleistung_kw"])
                von = datetime.fromisoformat(zeile["eingebaut"])
                self.welt.einbau(self.zaehler[zeile["zaehler"]].stromzaehler_id, messstelle_id, von)
        for zeile in zuordnungen:
            kunde, name = zeile["kunde"], zeile["zaehler"]
            self._add_zaehler(name, zeile)
            bis = datetime.fromisoformat(zeile["bis"]) if zeile["bis"] else None
            von = datetime.fromisoformat(zeile["von"])
            self.welt.zuordnung(self._kunde(kunde), self.zaehler[name].stromzaehler_id, von, bis)

    def _add_zaehler(self, name, zeile):
        if name not in self.zaehler:
            nummer = f"1EMH00{len(self.zaehler):08}"
            werte = {feld: int(zeile.get(feld) or vorgabe) for feld, vorgabe in (("stellen", 6), ("faktor", 1))}
            zustand = "EINGEBAUT" if zeile.get("eingebaut", "?") else "LAGER"
            stromzaehler_id = self.welt.stromzaehler(zaehlernummer=nummer, zustand=zustand, **werte)
            self.zaehler[name] = self.kanal.enrolled(nummer, stromzaehler_id)

    def _kunde(self, name):
        if name not in self.kunden:
            self.kunden[name] = self.welt.kunde()
        return self.kunden[name]

    def _messstelle(self, name, anschlussleistung_kw):
        if name not in self.messstellen:
            self.messstellen[name] = self.welt.messstelle(anschlussleistung_kw=Decimal(anschlussleistung_kw))
        return self.messstellen[name]

    def act(self, tun, zeilen):
        """One step: `tun` names it, and the file whose lines say with what."""
        getattr(self, f"_{tun}")(zeilen)

    def _ablesung(self, zeilen):
        for _, telegramm in groupby(zeilen, key=lambda zeile: zeile["telegramm"]):
            self._deliver(list(telegramm))

    def _deliver(self, zeilen):
        """One Telegramm, sealed as the meter seals it."""
        werte = []
        for zeile in zeilen:
            bezug, einspeisung = int(zeile["stand_anfang_wh"]), int(zeile.get("einspeisung_anfang_wh") or 0)
            for n, zeit in enumerate(range(seconds(zeile["von"]), seconds(zeile["bis"]) + 1, 900)):
                zuwachs = n * int(zeile["wh_je_viertelstunde"] or 0)
                eingespeist = n * int(zeile.get("einspeisung_je_viertelstunde") or 0)
                werte.append(messwert(zeit, bezug + zuwachs, einspeisung + eingespeist))
        self.kanal.deliver(self.zaehler[zeilen[0]["zaehler"]], werte)

    def _zaehlerwechsel(self, zeilen):
        self.ausgetauscht = True
        for zeile in zeilen:
            daten = {
                "alter_stromzaehler_id": self.zaehler[zeile["alter"]].stromzaehler_id,
                "neuer_stromzaehler_id": self.zaehler[zeile["neuer"]].stromzaehler_id,
                "zeitpunkt": zeile["zeitpunkt"],
                "schlussstand": _register(zeile, "schluss_wh"),
                "anfangsstand": _register(zeile, "anfang_wh"),
            }
            self._post(f"messstellen/{self.messstellen[zeile['messstelle']]}/zaehlerwechsel", daten, "wartung")

    def _zaehlereinbau(self, zeilen):
        self.ausgetauscht = True
        for zeile in zeilen:
            messstelle_id = self._messstelle(zeile["messstelle"], zeile["anschlussleistung_kw"])
            daten = {
                "stromzaehler_id": self._id(zeile),
                "kunde_id": self._kunde(zeile["kunde"]),
                "zeitpunkt": zeile["zeitpunkt"],
                "anfangsstand": _register(zeile, "anfang_wh"),
            }
            einbau = self._post(f"messstellen/{messstelle_id}/zaehlereinbau", daten, "wartung")
            if einbau["einschreibungstoken"] is not None:
                geraet = self.zaehler[zeile["zaehler"]]
                self.zaehler[zeile["zaehler"]] = self.kanal.enrolled(geraet.zaehlernummer, geraet.stromzaehler_id)

    def _zaehlerausbau(self, zeilen):
        self.ausgetauscht = True
        for zeile in zeilen:
            daten = {
                "stromzaehler_id": self._id(zeile),
                "zeitpunkt": zeile["zeitpunkt"],
                "schlussstand": _register(zeile, "schluss_wh"),
            }
            self._post(f"messstellen/{self.messstellen[zeile['messstelle']]}/zaehlerausbau", daten, "wartung")

    def _lagerung(self, zeilen):
        for zeile in zeilen:
            self._post(f"stromzaehler/{self._id(zeile)}/lagerung", {"ort": zeile["ort"]}, "wartung")

    def _umzug(self, zeilen):
        self.ausgetauscht = True
        for zeile in zeilen:
            daten = {
                "zeitpunkt": zeile["zeitpunkt"],
                "kunde_id": self._kunde(zeile["kunde"]) if zeile["kunde"] else None,
                "zaehlerstand": _register(zeile, "stand_wh") if zeile["stand_wh"] else None,
            }
            self._post(f"messstellen/{self.messstellen[zeile['messstelle']]}/umzug", daten, "sachbearbeitung")

    def _faktorwechsel(self, zeilen):
        for zeile in zeilen:
            daten = {"ab": zeile["ab"], "faktor": int(zeile["faktor"]), "begruendung": "Wandler getauscht"}
            self._post(f"stromzaehler/{self._id(zeile)}/faktorwechsel", daten, "wartung")

    def _korrektur(self, zeilen):
        for zeile in zeilen:
            daten = {"messzeitpunkt": zeile["messzeitpunkt"], "begruendung": "falsch abgelesen"}
            daten |= _register(zeile, "stand_wh")
            self._post(f"stromzaehler/{self._id(zeile)}/korrekturen", daten, "sachbearbeitung")

    def _entscheidung(self, zeilen):
        for zeile in zeilen:
            daten = {name: zeile[name] for name in ("von", "bis", "entscheidung")} | {"begruendung": "geprüft"}
            self._post(f"stromzaehler/{self._id(zeile)}/quarantaeneentscheidungen", daten, "sachbearbeitung")

    def _ersatzwerte(self, _zeilen):
        with create_session(self.engine) as session:
            form_ersatzwerte(session, system_akteur("test", self.uhr.now()), Regeln())

    def _falten(self, _zeilen):
        """Every day that is over."""
        with create_session(self.engine) as session:
            heute = int(self.uhr.now().astimezone(UTC).timestamp()) // int(timedelta(days=1).total_seconds())
            speicher.fold(session, [eintrag.stromzaehler_id for eintrag in self.zaehler.values()], heute)
            session.commit()

    def _id(self, zeile):
        return self.zaehler[zeile["zaehler"]].stromzaehler_id

    def _post(self, pfad, daten, rolle):
        antwort = self.client.post(f"/v1/{pfad}", json=daten, als=self.als(rolle))
        assert antwort.status_code in (200, 201), antwort.text
        return antwort.json


def _register(zeile, name):
    einspeisung_wh = int(zeile.get(f"einspeisung_{name}") or 0)
    return {"bezug_gesamt_wh": int(zeile[name]), "einspeisung_gesamt_wh": einspeisung_wh}
