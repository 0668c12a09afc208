"""Keys, certificates, enrolment of meters."""
