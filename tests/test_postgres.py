"""The PostgreSQL of the tests leaves nothing behind, also when a run is killed."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url

from tests import postgres

LAUF = """
import sys
from pathlib import Path
from tests.postgres import Cluster

cluster = Cluster(Path(sys.argv[1]))
print(cluster.ordner, cluster.url, flush=True)
sys.stdin.read()
"""


def test_it_ends_with_a_killed_run():
    programme = postgres.find_programs()
    if programme is None:
        pytest.skip(postgres.GRUND)
    rohre = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    aufruf = [sys.executable, "-c", LAUF, str(programme)]
    with subprocess.Popen(aufruf, text=True, cwd=Path(__file__).parents[1], **rohre) as lauf:
        ordner, url = lauf.stdout.readline().split()
        assert Path(ordner).is_dir()
        lauf.kill()
        # Who watches over the cluster has the same stderr: it ends when that is done.
        assert lauf.stderr.read() == ""
    assert not Path(ordner).exists()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", make_url(url).port))
