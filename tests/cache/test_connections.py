"""What a URL of Redis may say, and what it may not."""

import pytest

from service.cache.connections import Alone, Clustered, NotARedis, Watched, connections_to


def test_a_url_of_one_server_keeps_its_options_and_not_its_timeouts() -> None:
    found = connections_to("rediss://me:p%40ss@db.example:7000/3?ssl_ca_certs=/ca.pem&socket_timeout=9")
    assert isinstance(found, Alone)
    assert found.options["host"] == "db.example"
    assert (found.options["username"], found.options["password"], found.options["db"]) == ("me", "p@ss", 3)


def test_a_url_of_sentinels_names_hosts_service_and_database() -> None:
    found = connections_to("sentinel://me:pw@one:1,two,[::1]:3/facts/2?sentinel_password=other")
    assert isinstance(found, Watched)
    assert found.hosts == (("one", 1), ("two", 26379), ("::1", 3))
    assert (found.service, found.options) == ("facts", {"username": "me", "password": "pw", "db": 2})
    assert found.sentinel_options == {"password": "other"}


def test_tls_holds_for_the_sentinels_too() -> None:
    found = connections_to("sentinels://one/facts?ssl_ca_certs=/ca.pem")
    assert isinstance(found, Watched)
    assert found.options == {"ssl": True, "ssl_ca_certs": "/ca.pem"}
    assert found.sentinel_options == found.options


def test_a_url_of_a_cluster_names_some_of_its_nodes() -> None:
    found = connections_to("clusters://:pw@one,two:7001")
    assert isinstance(found, Clustered)
    assert found.hosts == (("one", 6379), ("two", 7001))
    assert found.options == {"password": "pw", "ssl": True}


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("memcached://secret@host", "`memcached` is no kind of Redis"),
        ("localhost:6379", "`localhost` is no kind of Redis"),
        ("", "`` is no kind of Redis"),
        ("redis://host:port", "not a URL of a Redis"),
        ("redis://host?nonsense=1", "nonsense"),
        ("redis://host?db=x", "Invalid value for 'db'"),
        ("sentinel://host", "it names no service"),
        ("sentinel:///facts", "one of its hosts is empty"),
        ("sentinel://one,,two/facts", "one of its hosts is empty"),
        ("cluster://host/3", "a cluster has no database but 0"),
        ("cluster://one,two?nonsense=1", "nonsense"),
    ],
)
def test_a_url_that_names_no_redis_is_refused_in_words(url: str, message: str) -> None:
    with pytest.raises(NotARedis) as refused:
        connections_to(url)
    assert message in str(refused.value)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    "url", ["redis://h", "rediss://h", "unix:///run/redis.sock", "sentinel://h/s", "cluster://h", "clusters://h"]
)
def test_every_url_makes_clients_before_anything_is_connected(url: str) -> None:
    connections_to(url).client()
    connections_to(url).listener(0)
