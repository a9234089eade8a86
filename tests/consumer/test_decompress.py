from __future__ import annotations

import gzip
import time
import tracemalloc
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedmill.consumer.decompress import CodingError, TooLargeError, decoder_for

TEXT = b"<rss>" + bytes(range(256)) * 40 + b"</rss>"


def raw_deflate(data: bytes) -> bytes:
    stream = zlib.compressobj(wbits=-15)
    return stream.compress(data) + stream.flush()


ENCODED = {
    "": lambda data: data,
    "identity": lambda data: data,
    "gzip": gzip.compress,
    "X-GZIP": gzip.compress,
    "gzip, identity": gzip.compress,
    "deflate": zlib.compress,
    " deflate ": raw_deflate,
}


def decode(coding: str, data: bytes, *, step: int = 0, limit: int = 1_000_000) -> tuple[bytes, bool]:
    decoder = decoder_for(coding, limit=limit)
    pieces: list[bytes] = []
    for start in range(0, len(data), step or len(data) or 1):
        pieces += decoder.feed(data[start : start + (step or len(data))])
    return b"".join(pieces), decoder.is_whole()


@pytest.mark.parametrize("step", [0, 1, 7])
@pytest.mark.parametrize("coding", ENCODED)
def test_content_comes_back_whatever_the_pieces(coding: str, step: int) -> None:
    assert decode(coding, ENCODED[coding](TEXT), step=step) == (TEXT, True)


@given(data=st.binary(max_size=3000), coding=st.sampled_from(sorted(ENCODED)), step=st.integers(1, 500))
def test_decoding_undoes_encoding(data: bytes, coding: str, step: int) -> None:
    assert decode(coding, ENCODED[coding](data), step=step) == (data, True)


@pytest.mark.parametrize("coding", ["gzip", "deflate", " deflate "])
def test_B5_content_cut_at_any_byte_is_a_true_beginning_and_not_whole(coding: str) -> None:
    encoded = ENCODED[coding](TEXT)
    for cut in range(1, len(encoded) - 1, 7):
        beginning, is_whole = decode(coding, encoded[:cut])
        assert not is_whole
        assert TEXT.startswith(beginning)


@pytest.mark.parametrize("coding", sorted(ENCODED))
def test_no_content_at_all_is_whole(coding: str) -> None:
    assert decode(coding, b"") == (b"", True)


@pytest.mark.parametrize("coding", ["gzip, gzip", "gzip,deflate", "br", "zstd", "compress", "aes128gcm", "gzip br", "gzip;q=1", "*"])
def test_B1_stacked_and_other_codings_are_refused_before_a_byte_is_read(coding: str) -> None:
    with pytest.raises(CodingError):
        decoder_for(coding, limit=10)


@pytest.mark.parametrize("coding", ["gzip", "deflate", " deflate "])
def test_B1_a_gigabyte_in_a_megabyte_is_stopped_at_the_limit_in_little_memory(coding: str) -> None:
    bomb = ENCODED[coding](bytes(100_000_000))
    tracemalloc.start()
    began = time.process_time()
    try:
        with pytest.raises(TooLargeError, match="20,000,000"):
            decode(coding, bomb, step=65536, limit=20_000_000)
        assert tracemalloc.get_traced_memory()[1] < 25_000_000
    finally:
        tracemalloc.stop()
    assert time.process_time() - began < 1


@pytest.mark.parametrize("coding", sorted(ENCODED))
def test_the_limit_is_exact(coding: str) -> None:
    encoded = ENCODED[coding](TEXT)
    assert decode(coding, encoded, limit=len(TEXT)) == (TEXT, True)
    with pytest.raises(TooLargeError):
        decode(coding, encoded, limit=len(TEXT) - 1)


@pytest.mark.parametrize("step", [0, 1])
def test_gzip_members_in_a_row_are_one_content(step: int) -> None:
    assert decode("gzip", gzip.compress(b"one ") + gzip.compress(b"two"), step=step) == (b"one two", True)


@pytest.mark.parametrize("padding", [b"\0" * 10, b"garbage", b"\x1f", b"\x1f\x00"])
def test_what_follows_the_last_member_is_padding(padding: bytes) -> None:
    assert decode("gzip", gzip.compress(TEXT) + padding) == (TEXT, True)
    assert decode("gzip", gzip.compress(TEXT) + padding, step=1) == (TEXT, True)


def test_a_second_member_that_is_cut_is_not_whole() -> None:
    assert decode("gzip", gzip.compress(b"one ") + gzip.compress(b"two")[:-3]) == (b"one two", False)


def test_a_megabyte_of_empty_members_is_refused_at_once() -> None:
    began = time.process_time()
    with pytest.raises(CodingError, match="parts"):
        decode("gzip", gzip.compress(b"") * 50_000)
    assert time.process_time() - began < 0.5


DAMAGED = bytearray(gzip.compress(TEXT))
DAMAGED[-6] ^= 255


@pytest.mark.parametrize(
    ("coding", "data"),
    [
        pytest.param("gzip", TEXT, id="plain text"),
        pytest.param("gzip", bytes(DAMAGED), id="wrong checksum"),
        pytest.param("gzip", zlib.compress(TEXT), id="zlib as gzip"),
        pytest.param("deflate", b"\x78\x9c" + b"\xff" * 50, id="broken zlib"),
        pytest.param("deflate", b"\xff" * 50, id="broken deflate"),
    ],
)
def test_B6_damaged_content_is_an_error(coding: str, data: bytes) -> None:
    with pytest.raises(CodingError, match="damaged"):
        decode(coding, data)


def test_what_follows_a_deflate_stream_is_not_read() -> None:
    assert decode("deflate", zlib.compress(TEXT) + b"more", step=5) == (TEXT, True)


@pytest.mark.parametrize("coding", ["gzip", "deflate", " deflate "])
def test_what_swells_is_decoded_piece_by_piece_as_it_is_taken(coding: str) -> None:
    bomb = ENCODED[coding](bytes(50_000_000))
    assert len(bomb) < 1 << 16  # it comes in one chunk
    pieces = decoder_for(coding, limit=100_000_000).feed(bomb)
    first = next(pieces)
    assert len(first) <= 1 << 18
    assert len(first) + sum(map(len, pieces)) == 50_000_000
    refused = decoder_for(coding, limit=1_000_000).feed(bomb)
    taken = [next(refused) for _ in range(3)]
    assert sum(map(len, taken)) <= 1_000_000
    with pytest.raises(TooLargeError):
        list(refused)
