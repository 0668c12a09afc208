"""An answer is put together in a file of its own, and the disk is full."""

import tempfile

from tests.stoerung.platte import fill, small_disk


def test_no_room_for_a_long_answer(client, als, zaehler, monkeypatch):
    """A short one needs none."""
    person = als("sachbearbeitung")
    pfad = (
        f"/v1/stromzaehler/{zaehler.stromzaehler_id}/verbrauch?von=2025-06-01T00:00:00Z&aufloesung=viertelstunde"
    )
    with small_disk("1m") as ordner:
        monkeypatch.setattr(tempfile, "tempdir", str(ordner))
        fill(ordner)
        antwort = client.get(f"{pfad}&bis=2026-06-01T00:00:00Z", als=person)
        assert (antwort.status_code, antwort.json["code"]) == (503, "nicht_verfuegbar")
        assert client.get(f"{pfad}&bis=2025-06-02T00:00:00Z", als=person).status_code == 200
        (ordner / "ballast").unlink()
        assert client.get(f"{pfad}&bis=2025-06-20T00:00:00Z", als=person).status_code == 200
        monkeypatch.undo()
