# Operator and simulated meter in one image; docker-compose.yml says which of them a container is.
# The platform brings wheels for everything in the lock file: nothing is compiled, no compiler is left behind.
FROM python:3.13-slim

ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /app

# pg_dump and pg_restore for betreiber sichern and wiederherstellen; Pango and fonts for letters.
RUN apt-get update && apt-get install --yes --no-install-recommends postgresql-client \
        libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0 fonts-dejavu-core \
    && rm --recursive /var/lib/apt/lists

COPY requirements/betrieb.txt requirements/betrieb.txt
RUN pip install --require-hashes --only-binary :all: --requirement requirements/betrieb.txt

COPY pyproject.toml README.md LICENSE ./
COPY betreiber betreiber
COPY db db
COPY gateway gateway
COPY stromzaehler_sim stromzaehler_sim
COPY telegramm telegramm
RUN pip install --no-deps --no-build-isolation . \
    && useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin msb \
    && install --directory --owner msb --mode 0700 /daten /zaehler

USER 10001
ENV MSB_DATEN=/daten
CMD ["betreiber", "start"]
