"""SM2 beside Ed25519: the standard's own example, real keys, and no way from one algorithm into the other."""

import base64
import subprocess
from pathlib import Path

import pytest

from etl.errors import UsageError
from etl.exchange import sm2, trust
from etl.exchange.trust import PackageRefused

# GB/T 32918.5-2017, A.2: public key, message and signature of the example, identity 1234567812345678
X = "09F9DF311E5421A150DD7D161E4BC5C672179FAD1833FC076BB08FF356F35020"
Y = "CCEA490CE26775A52DC6EA718CC1AA600AED05FBF35E084A6632F6072DA9AD13"
R = "F5A03B0648D2C4630EEAC513E1BB81A15944DA3827D5B74143AC7EACEEE720B3"
S = "B1B6AA29DF212FD8763182BC0D421CA1BB9038FD1F7F42D4840B69C485BBC1AA"
MESSAGE = b"message digest"


def integer(number: str) -> bytes:
    """DER of a positive integer of 256 bits."""
    body = bytes.fromhex(number)
    body = b"\0" + body if body[0] & 0x80 else body
    return b"\x02" + bytes([len(body)]) + body


def signature(r: str = R, s: str = S) -> bytes:
    body = integer(r) + integer(s)
    return b"\x30" + bytes([len(body)]) + body


@pytest.fixture
def standards_key(tmp_path: Path) -> Path:
    told = bytes.fromhex("3059301306072a8648ce3d020106082a811ccf5501822d03420004" + X + Y)
    path = tmp_path / "510000.pem"
    path.write_bytes(b"-----BEGIN PUBLIC KEY-----\n" + base64.encodebytes(told) + b"-----END PUBLIC KEY-----\n")
    return path


def keys(folder: Path, algorithm: str) -> Path:
    """A key pair as docs/exchange.md has it made: own.key, 510500.pem."""
    subprocess.run(["openssl", "genpkey", "-algorithm", algorithm, "-out", folder / "own.key"], check=True, capture_output=True)
    (folder / "own.key").chmod(0o600)
    subprocess.run(["openssl", "pkey", "-in", folder / "own.key", "-pubout", "-out", folder / "510500.pem"], check=True)
    return folder / "own.key"


def test_the_standards_example_verifies_and_a_changed_one_does_not(standards_key: Path) -> None:
    assert sm2.is_sm2(standards_key.read_bytes())
    assert sm2.verify(standards_key, MESSAGE, signature())
    assert not sm2.verify(standards_key, MESSAGE + b".", signature())
    assert not sm2.verify(standards_key, MESSAGE, signature(r=S, s=R))
    assert not sm2.verify(standards_key, MESSAGE, b"")


def test_what_is_signed_by_sm2_is_believed_by_its_public_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JICHU_SIGN", "sm2")
    monkeypatch.setenv("JICHU_EXCHANGE_KEY", str(keys(tmp_path, "SM2")))
    monkeypatch.setenv("JICHU_EXCHANGE_TRUST", str(tmp_path))
    signer = trust.signer()
    assert signer.algorithm == "SM2-SM3"
    told = signer.sign(b"manifest")
    assert trust.verify("510500", signer.algorithm, b"manifest", told, "这个包")
    with pytest.raises(PackageRefused, match="对不上"):
        trust.verify("510500", signer.algorithm, b"another", told, "这个包")


@pytest.mark.parametrize(("mine", "claimed"), [("SM2", "Ed25519"), ("ed25519", "SM2-SM3")])
def test_the_trusted_key_settles_the_algorithm_not_the_package(
    mine: str, claimed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys(tmp_path, mine)
    monkeypatch.setenv("JICHU_EXCHANGE_TRUST", str(tmp_path))
    with pytest.raises(PackageRefused, match="另一种算法"):
        trust.verify("510500", claimed, b"manifest", base64.b64encode(b"x" * 64).decode(), "这个包")


@pytest.mark.parametrize(("algorithm", "wanted"), [("SM2", "ed25519"), ("ed25519", "sm2"), ("SM2", "rsa")])
def test_a_key_of_another_algorithm_than_the_setting_is_refused(
    algorithm: str, wanted: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JICHU_SIGN", wanted)
    monkeypatch.setenv("JICHU_EXCHANGE_KEY", str(keys(tmp_path, algorithm)))
    with pytest.raises(UsageError, match="SM2|JICHU_SIGN"):
        trust.signer()
