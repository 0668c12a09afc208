"""Ersatzwerte: substitutes, always marked, for quarter hours without a reading."""
