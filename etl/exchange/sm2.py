"""SM2 signatures with SM3 (GB/T 32918.2-2016, curve of GB/T 32918.5-2017) by OpenSSL's own program, 3.0 or newer.

Why the program: the Python package `cryptography` knows neither curve nor signature; `gmssl` on PyPI is pure Python, whose running time tells of
the key. OpenSSL's is the implementation that everybody else's eyes are on. Keys are PEM files and stay in them: no key stands in an argument.
Signatures are DER (GM/T 0009), the signer's identity is GM/T 0009's default.
"""

import base64
import binascii
import subprocess
import tempfile
from pathlib import Path

from etl.errors import UsageError

IDENTITY = "1234567812345678"
HOW = ["-rawin", "-digest", "sm3", "-pkeyopt", f"distid:{IDENTITY}"]
# AlgorithmIdentifier: id-ecPublicKey with the named curve 1.2.156.10197.1.301
MARK = bytes.fromhex("06072a8648ce3d020106082a811ccf5501822d")


def sign(key: Path, message: bytes) -> bytes:
    """The DER signature. UsageError when OpenSSL cannot sign with this key."""
    done = _openssl(["pkeyutl", "-sign", "-inkey", str(key), *HOW], message)
    if done.returncode or not done.stdout:
        raise UsageError("openssl 没有签成：私钥须为没有口令的 SM2 私钥（openssl genpkey -algorithm SM2），openssl 须为 3.0 以上")
    return done.stdout


def verify(public: Path, message: bytes, signature: bytes) -> bool:
    """Whether it is this key's signature of this message."""
    with tempfile.NamedTemporaryFile(prefix="jichu-", suffix=".sig") as file:
        file.write(signature)
        file.flush()
        return _openssl(["pkeyutl", "-verify", "-pubin", "-inkey", str(public), "-sigfile", file.name, *HOW], message).returncode == 0


def is_sm2(pem: bytes) -> bool:
    """Whether a PEM file holds a key on SM2's curve, by its algorithm identifier."""
    body = b"".join(line for line in pem.splitlines() if line and not line.startswith(b"-----"))
    try:
        return MARK in base64.b64decode(body, validate=True)
    except binascii.Error:
        return False


def _openssl(arguments: list[str], message: bytes) -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(["openssl", *arguments], input=message, capture_output=True, check=False, timeout=60)
    except FileNotFoundError:
        raise UsageError("SM2 签名与验签要用 openssl 程序（3.0 以上），这台机器上没有：apt-get install openssl") from None
