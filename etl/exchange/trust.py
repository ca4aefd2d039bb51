"""Who signs and whom we believe: Ed25519 keys that the administrator puts in place. There is no key of ours, and none by default.

JICHU_EXCHANGE_KEY: the private key's PEM file, readable by its user alone. JICHU_EXCHANGE_TRUST: a folder with `<code>.pem`, the public
key of each instance that we believe. SM2 is no part of the public `cryptography` package; digests are given in SM3 beside SHA-256.
"""

import base64
import binascii
import os
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

from etl.errors import JichuError, UsageError

ALGORITHM = "Ed25519"


class PackageRefused(JichuError):
    """A package or receipt that cannot be taken: one Chinese sentence with the reason. Nothing was changed."""

    exit_code = 3


@dataclass(frozen=True)
class Signer:
    """Signs with the administrator's key; without one only where that is expressly allowed, and then says so."""

    key: Ed25519PrivateKey | None

    @property
    def algorithm(self) -> str | None:
        """The name of the algorithm that goes into the manifest; None = unsigned."""
        return ALGORITHM if self.key else None

    def sign(self, message: bytes) -> str:
        """The signature as base64; empty when unsigned."""
        return base64.b64encode(self.key.sign(message)).decode() if self.key else ""


def unsigned_allowed() -> bool:
    """Whether the administrator expressly does without signatures (trial only)."""
    return os.environ.get("JICHU_EXCHANGE_UNSIGNED") == "allowed"


def signer() -> Signer:
    """The signer of this instance. UsageError without a usable key."""
    named = os.environ.get("JICHU_EXCHANGE_KEY")
    if not named:
        if unsigned_allowed():
            return Signer(None)
        raise UsageError(
            "没有签名私钥：把 JICHU_EXCHANGE_KEY 指向 Ed25519 私钥文件（openssl genpkey -algorithm ed25519 -out 文件），没有缺省的私钥"
        )
    path = Path(named)
    try:
        if path.stat().st_mode & 0o077:
            raise UsageError("签名私钥文件别的用户也能读：先 chmod 600，再把 JICHU_EXCHANGE_KEY 指向它")
        key = load_pem_private_key(path.read_bytes(), password=None)
    except OSError:
        raise UsageError("JICHU_EXCHANGE_KEY 所指的私钥文件读不到") from None
    except (ValueError, TypeError):
        raise UsageError("JICHU_EXCHANGE_KEY 所指的文件不是没有口令的 PEM 私钥") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise UsageError("JICHU_EXCHANGE_KEY 须为 Ed25519 私钥，不是别的算法")
    return Signer(key)


def verify(who: str, algorithm: str | None, message: bytes, signature: str, what: str) -> bool:
    """Whether it is signed, and then rightly; PackageRefused for a wrong signature, an unknown signer, or none where one is demanded."""
    if algorithm is None and not signature:
        if unsigned_allowed():
            return False
        raise PackageRefused(f"{what}没有签名，不收")
    if algorithm != ALGORITHM:
        raise PackageRefused(f"{what}的签名算法不是 {ALGORITHM}，不收")
    try:
        _public(who).verify(base64.b64decode(signature, validate=True), message)
    except (InvalidSignature, binascii.Error):
        raise PackageRefused(f"{what}的签名与 {who} 的公钥对不上：内容被改过，或不是 {who} 所签") from None
    return True


def _public(who: str) -> Ed25519PublicKey:
    folder = os.environ.get("JICHU_EXCHANGE_TRUST")
    if not folder:
        raise UsageError("没有可信公钥：把 JICHU_EXCHANGE_TRUST 指向存放 <代码>.pem 公钥的文件夹")
    path = Path(folder) / f"{who}.pem"
    try:
        key = load_pem_public_key(path.read_bytes())
    except FileNotFoundError:
        raise PackageRefused(f"不认识 {who}：JICHU_EXCHANGE_TRUST 中没有它的公钥 {who}.pem") from None
    except (OSError, ValueError):
        raise UsageError(f"{who} 的公钥文件读不出：须为 PEM 公钥（openssl pkey -in 私钥 -pubout）") from None
    if not isinstance(key, Ed25519PublicKey):
        raise UsageError(f"{who} 的公钥须为 Ed25519")
    return key
