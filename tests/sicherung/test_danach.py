"""After a restore: what came since the backup is asked for, and sent again."""

from dataclasses import replace
from datetime import timedelta

from betreiber.app import Lauscher, create_geraete_app
from betreiber.sicherung.service import create_backup, restore_backup
from tests.ablesungen import stored
from tests.kanal import Kanal, reihe

STUNDE = timedelta(hours=1)


def test_meters_are_asked_for_what_the_backup_does_not_have(settings, kanal, welt, uhr, ziel, tmp_path):
    zaehlernummer = "1EMH0012345678"
    stromzaehler_id = welt.stromzaehler(zaehlernummer=zaehlernummer)
    welt.einbau(stromzaehler_id, welt.messstelle(), uhr.now() - STUNDE)
    beginn = int((uhr.now() - STUNDE).timestamp())
    zaehler = kanal.enrolled(zaehlernummer, stromzaehler_id)
    werte = reihe(beginn, 1000, [10] * 12)
    kanal.deliver(zaehler, werte[:5])
    create_backup(settings.datenbank, tmp_path / "sicherung", uhr.now())
    uhr.advance(STUNDE)
    kanal.deliver(zaehler, werte[5:9])
    assert restore_backup(tmp_path / "sicherung", ziel).unterschiede == []
    app = create_geraete_app(replace(settings, database_url=ziel), Lauscher.GERAETE, uhr=uhr)
    wieder_da = Kanal(app, kanal.einschreibung, uhr)
    uhr.advance(STUNDE)
    quittung = wieder_da.deliver(zaehler, werte[9:])
    assert quittung.luecken == ((werte[5].uhrzeit, werte[9].uhrzeit),)
    assert wieder_da.deliver(zaehler, werte[5:9]).neu == 4
    assert [wert.bezug_wh for wert in stored(app.extensions["msb_engine"], stromzaehler_id).values()] == [
        wert.bezug_wh for wert in werte
    ]
    app.extensions["msb_engine"].dispose()
