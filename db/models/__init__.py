"""All models, one module a noun. Importing this package registers every table with `Base.metadata`."""

from db.models.benutzer import Anmeldeversuch, Benutzer, Einmalcode, Sitzungsfamilie
from db.models.ereignis import Audit, Ereignis, Nachricht
from db.models.firmware import Firmware
from db.models.kunde import Kunde
from db.models.messstelle import Einbau, Messstelle
from db.models.schluessel import Einschreibungstoken, Geraeteschluessel
from db.models.stromzaehler import KundeStromzaehler, Stromzaehler
from db.models.verbrauch import Fehlanzeige, Quarantaene, Telegrammstand, Verbrauch
from db.models.vertrag import Tarif, Vertrag
from db.models.wartung import Wartung

__all__ = [
    "Anmeldeversuch",
    "Audit",
    "Benutzer",
    "Einbau",
    "Einmalcode",
    "Einschreibungstoken",
    "Ereignis",
    "Fehlanzeige",
    "Firmware",
    "Geraeteschluessel",
    "Kunde",
    "KundeStromzaehler",
    "Messstelle",
    "Nachricht",
    "Quarantaene",
    "Sitzungsfamilie",
    "Stromzaehler",
    "Tarif",
    "Telegrammstand",
    "Verbrauch",
    "Vertrag",
    "Wartung",
]
