"""Dossiers as bytes: what is written is read again, and nothing else ever is."""

import zlib

import msgspec
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from rules.facts import EntityId
from service.cache.codec import NotADossier, decoded, encoded
from service.dossiers import Dossier, Listing
from service.storage.database import moment_of
from tests import strategies
from tests.cache.waiting import dossier

moments = st.none() | st.integers(-(10**16), 10**16).map(moment_of)
listings = st.builds(Listing, st.sampled_from(["one", "two"]), moments, moments, st.text(max_size=3))
ids = st.text(st.characters(exclude_categories=["Cs"]), max_size=4)
dossiers = st.builds(
    Dossier,
    epoch=ids,
    seq=st.integers(0, 2**53),
    subject=strategies.accounts | strategies.resources,
    entities=st.lists(strategies.entities, max_size=3).map(tuple),
    listings=st.dictionaries(ids.map(EntityId), st.lists(listings, max_size=2).map(tuple), max_size=2),
    interests=st.lists(strategies.interests, max_size=3).map(tuple),
    reached=st.frozensets(ids, max_size=4),
)


@given(dossiers)
def test_what_is_written_is_read_again(one: Dossier) -> None:
    assert decoded(encoded(one)) == one


@given(dossiers, st.data())
def test_a_value_that_is_changed_in_a_byte_or_cut_off_is_no_dossier(one: Dossier, data: st.DataObject) -> None:
    value = bytearray(encoded(one))
    at = data.draw(st.integers(0, len(value) - 1))
    value[at] = data.draw(st.integers(0, 255).filter(lambda byte: byte != value[at]))
    for changed in (bytes(value), encoded(one)[:at], encoded(one) + b"\x00"):
        with pytest.raises(NotADossier):
            decoded(changed)


@given(st.binary(max_size=40))
def test_bytes_of_another_origin_are_no_dossier(value: bytes) -> None:
    for other in (value, b"CD" + value):
        assume(not other.startswith(b"CD\x00\x00\x00\x00"))
        with pytest.raises(NotADossier):
            decoded(other)


WHOLE: tuple[object, ...] = ("e0", 7, {"id": "a"}, None, (), {}, (), ())


@pytest.mark.parametrize(
    "fields",
    [
        WHOLE[:-1],
        (*WHOLE, "more"),
        ("e0", -1, *WHOLE[2:]),
        ("e0", 7, None, *WHOLE[3:]),
        ("e0", 7, {"id": "a"}, {"id": "b"}, *WHOLE[4:]),
        ("e0", "7", *WHOLE[2:]),
        {"epoch": "e0"},
    ],
    ids=["one too few", "one too many", "before all changes", "nobody", "two", "text for a number", "names"],
)
def test_a_value_of_another_form_is_no_dossier(fields: object) -> None:
    assert decoded(sealed(WHOLE)).seq == 7
    with pytest.raises(NotADossier):
        decoded(sealed(fields))


def sealed(fields: object) -> bytes:
    """The fields as a dossier's are written, whatever they are."""
    body = msgspec.msgpack.encode(fields)
    return b"CD" + zlib.crc32(body).to_bytes(4, "big") + body


def test_text_that_is_no_unicode_cannot_be_written() -> None:
    with pytest.raises(NotADossier):
        encoded(dossier("\ud800"))
