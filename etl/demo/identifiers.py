"""Numbers with a check digit, computed column-wise.

GB 11643 citizen IDs, GB 32100 credit codes, GB 11714 organisation codes, 15-digit registration numbers.
"""

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from etl.demo import text
from etl.demo.chance import Ints
from etl.demo.text import Text

USCC_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_CITIZEN_WEIGHTS = np.array([7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2])
_ORG_WEIGHTS = np.array([3, 7, 9, 10, 5, 8, 4, 2])
_USCC_WEIGHTS = np.array([1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28])
CITIZEN_CHECKS = text.pool(list("10X98765432"))


def digits(numbers: Ints, width: int) -> npt.NDArray[np.int64]:
    """(n, width) matrix of decimal digits."""
    powers = 10 ** np.arange(width - 1, -1, -1, dtype=np.int64)
    return np.asarray(numbers, dtype=np.int64)[:, None] // powers % 10


def citizen_check(body: Ints) -> Ints:
    """Index into CITIZEN_CHECKS of 17-digit bodies, in slices to keep the memory low."""
    out = np.empty(len(body), dtype=np.int64)
    for start in range(0, len(body), 200_000):
        part = slice(start, start + 200_000)
        out[part] = digits(body[part], 17) @ _CITIZEN_WEIGHTS % 11
    return out


def citizen_ids(body: Ints) -> Text:
    """18 characters from 17-digit bodies (region, birth date, sequence)."""
    return text.join(text.padded(body, 17), text.pick(CITIZEN_CHECKS, citizen_check(body)))


def legacy_ids(body: Ints) -> Text:
    """The 15-digit form: no century, no check digit."""
    region, rest = body // 10**11, body % 10**11
    return text.padded(region * 10**9 + rest % 10**9, 15)


def organization_codes(serial: Ints, modern: npt.NDArray[np.bool_]) -> tuple[Text, npt.NDArray[np.int64]]:
    """9 characters without hyphen; modern ones start with MA6. Also the 8 leading values in the credit code's alphabet."""
    n = len(serial)
    values = digits(serial, 8)
    base31 = serial[:, None] // 31 ** np.arange(4, -1, -1, dtype=np.int64) % 31
    values[modern, 0], values[modern, 1], values[modern, 2] = USCC_ALPHABET.index("M"), USCC_ALPHABET.index("A"), 6
    values[modern, 3:] = base31[modern]
    ascii_value = np.array([int(c) if c.isdigit() else ord(c) - 55 for c in USCC_ALPHABET])
    check = (11 - ascii_value[values] @ _ORG_WEIGHTS % 11) % 11
    body = alphabet_text(values)
    last = text.pick([*"0123456789X"], check)
    code = text.join(body, last)
    ninth = np.where(check == 10, USCC_ALPHABET.index("X"), check)
    assert n == len(code)
    return code, np.concatenate([values, ninth[:, None]], axis=1)


def alphabet_text(values: npt.NDArray[np.int64]) -> Text:
    """(n, w) matrix of credit code values → text."""
    raw = np.frombuffer(USCC_ALPHABET.encode(), dtype=np.uint8)[values]
    n, width = raw.shape
    offsets = np.arange(0, (n + 1) * width, width, dtype=np.int32)
    return pa.Array.from_buffers(pa.string(), n, [None, pa.py_buffer(offsets.tobytes()), pa.py_buffer(np.ascontiguousarray(raw).tobytes())])


def credit_codes(kind: Ints, region: Ints, organization: npt.NDArray[np.int64]) -> Text:
    """18 characters: kind (two digits such as 91), region (six digits), organisation code (nine values), check character."""
    values = np.concatenate([digits(kind, 2), digits(region, 6), organization], axis=1)
    check = (31 - values @ _USCC_WEIGHTS % 31) % 31
    return alphabet_text(np.concatenate([values, check[:, None]], axis=1))


def registration_numbers(body: Ints) -> Text:
    """15 digits of 14-digit bodies, ISO 7064 MOD 11,10."""
    product = np.full(len(body), 10, dtype=np.int64)
    for column in digits(body, 14).T:
        total = (product + column) % 10
        product = np.where(total == 0, 10, total) * 2 % 11
    return text.join(text.padded(body, 14), text.of((11 - product) % 10))


def with_hyphen(codes: Text) -> Text:
    """12345678-9."""
    return text.join(pc.utf8_slice_codeunits(codes, 0, 8), "-", pc.utf8_slice_codeunits(codes, 8, 9))
