"""G.711 by table (ITU-T G.711): A-law and mu-law, 8000 samples a second, one byte each.

Decoding follows the recommendation; encoding takes the nearest level of the decoding table, so the two can't disagree.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from functools import lru_cache

SAMPLE_RATE = 8000
PCMU, PCMA = 0, 8  # RTP payload types


def _decode_alaw(code: int) -> int:
    code ^= 0x55
    segment, mantissa = (code & 0x70) >> 4, (code & 0x0F) << 4
    value = mantissa + 8 if segment == 0 else (mantissa + 0x108) << (segment - 1)
    return value if code & 0x80 else -value


def _decode_ulaw(code: int) -> int:
    code = ~code & 0xFF
    value = (((code & 0x0F) << 3) + 0x84 << ((code & 0x70) >> 4)) - 0x84
    return -value if code & 0x80 else value


TABLES: dict[int, tuple[int, ...]] = {
    PCMA: tuple(_decode_alaw(code) for code in range(256)),
    PCMU: tuple(_decode_ulaw(code) for code in range(256)),
}


@lru_cache(maxsize=2)
def _levels(payload_type: int) -> tuple[list[int], list[int]]:
    ordered = sorted((value, code) for code, value in enumerate(TABLES[payload_type]))
    return [value for value, _ in ordered], [code for _, code in ordered]


def encode(samples: list[int], payload_type: int) -> bytes:
    """16-bit linear samples as G.711, each to its nearest level."""
    values, codes = _levels(payload_type)
    return bytes(codes[_nearest(values, sample)] for sample in samples)


def _nearest(values: list[int], sample: int) -> int:
    position = bisect_left(values, sample)
    if position == 0 or (position < len(values) and values[position] - sample < sample - values[position - 1]):
        return position
    return position - 1


def decode(payload: bytes, payload_type: int) -> list[int]:
    """G.711 bytes as 16-bit linear samples."""
    table = TABLES[payload_type]
    return [table[code] for code in payload]


@lru_cache(maxsize=64)
def tone(frequency_hz: int, payload_type: int, amplitude: int = 8000) -> bytes:
    """One second of a sine tone, encoded: a whole number of periods, so it can be repeated without a click."""
    step = 2 * math.pi * frequency_hz / SAMPLE_RATE
    return encode([round(amplitude * math.sin(step * index)) for index in range(SAMPLE_RATE)], payload_type)


def power(samples: list[int], frequency_hz: float) -> float:
    """How strong a frequency is in the samples, as mean power, by Goertzel's algorithm.

    A sine of amplitude A at the frequency gives about A*A/2; cost is one multiplication a sample.
    """
    coefficient = 2 * math.cos(2 * math.pi * frequency_hz / SAMPLE_RATE)
    before = last = 0.0
    for sample in samples:
        before, last = last, sample + coefficient * last - before
    magnitude = last * last + before * before - coefficient * last * before
    return 2 * magnitude / (len(samples) ** 2) if samples else 0.0


def loudest(samples: list[int]) -> tuple[float, float]:
    """The strongest frequency between 200 and 3400 Hz and its share of the whole power (0 to 1).

    Coarse over 50 ms in steps of 10 Hz, then fine over all samples in steps of 2 Hz.
    """
    total = sum(sample * sample for sample in samples) / len(samples) if samples else 0.0
    if total == 0.0:
        return 0.0, 0.0
    head = samples[:400]
    coarse = max(range(200, 3401, 10), key=lambda frequency: power(head, frequency))
    fine = max(range(coarse - 14, coarse + 15, 2), key=lambda frequency: power(samples, frequency))
    return float(fine), min(1.0, power(samples, fine) / total)


def level_dbov(samples: list[int]) -> float:
    """Loudness below overload in dB (0 is the loudest possible), -127 for silence."""
    mean = sum(sample * sample for sample in samples) / len(samples) if samples else 0.0
    return max(-127.0, 10 * math.log10(mean / 32768**2)) if mean > 0 else -127.0
