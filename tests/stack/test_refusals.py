"""Every problem at the start is one line that says what to do, and an exit code that is not 0."""

import os
import socket
import subprocess

import pytest

from portal.stack import options, ports
from portal.stack.console import StackError
from tests.stack.driver import environ, refused


@pytest.fixture
def data(tmp_path):
    return tmp_path / "var"


def test_port_taken(data):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        line = refused(environ(data, PORT=str(port)))
    assert f"port {port} is taken" in line
    assert "make run" in line
    assert not data.joinpath("postgres").exists()


def test_port_reserved_by_another_stack(data):
    """Both web servers set SO_REUSEPORT, so the kernel alone would let them share."""
    with ports.reserve("127.0.0.1", ports.free()) as holder:
        assert "is taken" in refused(environ(data, PORT=str(holder.getsockname()[1])))


def test_port_that_is_no_number(data):
    assert "PORT is 'http'" in refused(environ(data, PORT="http"))


@pytest.mark.parametrize("name", ["PORT", "WEB_WORKERS"])
@pytest.mark.parametrize("value", ["http", "0", "-1", "²", "1e3", "70000", "1_0"])
def test_numbers(name, value):
    with pytest.raises(StackError, match=f"{name} is {value!r}; set it to"):
        options.read({name: value})


def test_host_that_is_not_ours(data):
    assert "HOST=" in refused(environ(data, HOST="192.0.2.1", PORT=str(ports.free())))


def test_data_of_another_version(data):
    data.joinpath("postgres").mkdir(parents=True)
    data.joinpath("postgres", "PG_VERSION").write_text("17\n")
    line = refused(environ(data, PORT=str(ports.free())))
    assert "PostgreSQL 17" in line
    assert "mv " in line


def test_data_that_is_none(data):
    data.joinpath("postgres").mkdir(parents=True)
    data.joinpath("postgres", "holiday.jpg").touch()
    assert "is not a PostgreSQL data directory" in refused(environ(data, PORT=str(ports.free())))


def test_a_server_that_dies_at_the_start(data):
    """The line quotes the server's own last words and names its log."""
    data.joinpath("postgres").mkdir(parents=True, mode=0o700)
    data.joinpath("postgres", "PG_VERSION").write_text("18\n")
    line = refused(environ(data, PORT=str(ports.free())))
    assert "PostgreSQL does not start: " in line
    assert "postgresql.conf" in line
    assert "postgres.log" in line


def test_data_dir_below_a_file(tmp_path):
    tmp_path.joinpath("file").touch()
    assert "DATA_DIR" in refused(environ(tmp_path / "file" / "var", PORT=str(ports.free())))


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting takes root")
def test_no_space(data):
    data.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=30m", "none", data], capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip("may not mount here")
    try:
        assert "MB are free" in refused(environ(data, PORT=str(ports.free())))
    finally:
        subprocess.run(["umount", data], check=True)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("mysql://a:b@127.0.0.1/c", "must look like postgres://"),
        ("postgres://a:secret-word@127.0.0.1:1/c", "refused"),
        ("postgres://a:secret-word@nowhere.invalid/c", "nowhere.invalid"),
        ("postgres://a:b@127.0.0.1:port/c", "no usable database"),
    ],
)
def test_database_url(data, url, words):
    line = refused(environ(data, DATABASE_URL=url, PORT=str(ports.free())))
    assert words in line
    assert "DATABASE_URL" in line
    assert "secret-word" not in line


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("amqp://127.0.0.1", "must look like redis://"),
        ("redis://:secret-word@127.0.0.1:1/0", "refused"),
        ("redis://127.0.0.1:port/0", "no usable server"),
    ],
)
def test_redis_url(data, url, words):
    line = refused(environ(data, REDIS_URL=url, PORT=str(ports.free())))
    assert words in line
    assert "secret-word" not in line
