"""All models, one module a noun. Importing this package registers every table with `Base.metadata`."""

from db.models.aufbewahrung import Importlauf, Loeschlauf, Tagessumme
from db.models.auftrag import Auftrag, Auftragsbesuch, Auftragsnachweis
from db.models.benutzer import Anmeldeversuch, Benutzer, Einmalcode, Sitzungsfamilie
from db.models.dokument import Dokument
from db.models.eichung import Abrechnungsfreigabe, Eichung
from db.models.ereignis import Audit, Ereignis, Nachricht
from db.models.firmware import Firmware
from db.models.kunde import Kunde
from db.models.messstelle import Einbau, Messstelle
from db.models.schluessel import Einschreibungstoken, Geraeteschluessel
from db.models.stoerung import Stoerung
from db.models.stromzaehler import KundeStromzaehler, Stromzaehler
from db.models.verbrauch import (
    Ersatzwertbildung,
    Fehlanzeige,
    Neuberechnung,
    Quarantaene,
    Tagesstand,
    Telegrammstand,
    Verbrauch,
    VerbrauchFassung,
    VerbrauchTag,
    Zaehlwerksabschnitt,
)
from db.models.vertrag import Tarif, Vertrag
from db.models.wartung import Wartung
from db.models.zutritt import Zutrittsankuendigung

__all__ = [
    "Abrechnungsfreigabe",
    "Anmeldeversuch",
    "Audit",
    "Auftrag",
    "Auftragsbesuch",
    "Auftragsnachweis",
    "Benutzer",
    "Dokument",
    "Eichung",
    "Einbau",
    "Einmalcode",
    "Einschreibungstoken",
    "Ereignis",
    "Ersatzwertbildung",
    "Fehlanzeige",
    "Firmware",
    "Geraeteschluessel",
    "Importlauf",
    "Kunde",
    "KundeStromzaehler",
    "Loeschlauf",
    "Messstelle",
    "Nachricht",
    "Neuberechnung",
    "Quarantaene",
    "Sitzungsfamilie",
    "Stoerung",
    "Stromzaehler",
    "Tagesstand",
    "Tagessumme",
    "Tarif",
    "Telegrammstand",
    "Verbrauch",
    "VerbrauchFassung",
    "VerbrauchTag",
    "Vertrag",
    "Wartung",
    "Zaehlwerksabschnitt",
    "Zutrittsankuendigung",
]
