"""The errors of the wire format.

    TelegrammFehler
    |-- CmsUngueltig               not the one DER structure of profile msb-1
    |-- AlgorithmusUnzulaessig     well-formed, but another algorithm, curve or length than the profile's
    |-- SignaturUngueltig          not signed by the given key
    |-- EntschluesselungGescheitert  not decryptable; one text for all causes, so that it is no oracle
    |-- InhaltUngueltig            the plaintext breaks a rule of its schema
    `-- QuittungUngueltig          a receipt that does not answer the Telegramm that was sent

Every function of the package that reads foreign bytes raises these and nothing else. `code` is the short code of
the device channel; which HTTP status belongs to it is the operator's business and not known here.
"""

from __future__ import annotations

from typing import ClassVar


class TelegrammFehler(Exception):
    """Base of all errors of this package; the text is for developers and holds no secrets and no plaintext."""

    code: ClassVar[str] = "telegramm"


class CmsUngueltig(TelegrammFehler):
    """The bytes are not the CMS structure of the profile: not DER, too much, too little, another version."""

    code = "cms_ungueltig"


class AlgorithmusUnzulaessig(TelegrammFehler):
    """An algorithm, curve, nonce length or tag length that the profile does not know."""

    code = "algorithmus"


class SignaturUngueltig(TelegrammFehler):
    """The signature is not that of the given key over this content."""

    code = "signatur"


class EntschluesselungGescheitert(TelegrammFehler):
    """Decryption failed. Takes no reason: unknown recipient, bad point, bad wrap and bad tag look the same."""

    code = "entschluesselung"

    def __init__(self) -> None:
        super().__init__("the content cannot be decrypted")


class InhaltUngueltig(TelegrammFehler):
    """The plaintext is not valid.

    `feld` is the path of the field (`"werte[3].bezug_wh"`, empty for the whole document), `grund` the broken rule.
    """

    code = "inhalt"

    def __init__(self, feld: str, grund: str) -> None:
        super().__init__(f"{feld}: {grund}" if feld else grund)
        self.feld = feld
        self.grund = grund


class QuittungUngueltig(TelegrammFehler):
    """A well-formed receipt that does not belong to the Telegramm; the meter must not forget anything under it."""

    code = "quittung"
