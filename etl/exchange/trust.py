"""Who signs and whom we believe: Ed25519 or SM2 keys that the administrator puts in place. There is no key of ours, and none by default.

JICHU_EXCHANGE_KEY: the private key's PEM file, readable by its user alone; JICHU_SIGN: `ed25519` (default) or `sm2`, which that key has to be.
JICHU_EXCHANGE_TRUST: a folder with `<code>.pem`, the public key of each instance that we believe. What kind of signature a sender's
packages bear is settled by the key that lies there, never by what the package says of itself.
"""

import base64
import binascii
import os
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

from etl.errors import JichuError, UsageError
from etl.exchange import sm2

ED25519, SM2 = "Ed25519", "SM2-SM3"
GENERATE = {"ed25519": "openssl genpkey -algorithm ed25519 -out 文件", "sm2": "openssl genpkey -algorithm SM2 -out 文件"}


class PackageRefused(JichuError):
    """A package or receipt that cannot be taken: one Chinese sentence with the reason. Nothing was changed."""

    exit_code = 3


@dataclass(frozen=True)
class Signer:
    """Signs with the administrator's key (for SM2 the file that holds it); without one only where that is expressly allowed, and then says so."""

    key: Ed25519PrivateKey | Path | None

    @property
    def algorithm(self) -> str | None:
        """The name of the algorithm that goes into the manifest; None = unsigned."""
        if self.key is None:
            return None
        return SM2 if isinstance(self.key, Path) else ED25519

    def sign(self, message: bytes) -> str:
        """The signature as base64; empty when unsigned."""
        if self.key is None:
            return ""
        return base64.b64encode(sm2.sign(self.key, message) if isinstance(self.key, Path) else self.key.sign(message)).decode()


def unsigned_allowed() -> bool:
    """Whether the administrator expressly does without signatures (trial only)."""
    return os.environ.get("JICHU_EXCHANGE_UNSIGNED") == "allowed"


def signer() -> Signer:
    """The signer of this instance. UsageError without a usable key, or with one of another algorithm than JICHU_SIGN."""
    wanted, named = os.environ.get("JICHU_SIGN") or "ed25519", os.environ.get("JICHU_EXCHANGE_KEY")
    if wanted not in GENERATE:
        raise UsageError(f"JICHU_SIGN 是 {wanted}，应为 {' 或 '.join(GENERATE)}")
    if not named:
        if unsigned_allowed():
            return Signer(None)
        raise UsageError(f"没有签名私钥：把 JICHU_EXCHANGE_KEY 指向私钥文件（{GENERATE[wanted]}），没有缺省的私钥")
    path = Path(named)
    try:
        if path.stat().st_mode & 0o077:
            raise UsageError("签名私钥文件别的用户也能读：先 chmod 600，再把 JICHU_EXCHANGE_KEY 指向它")
        content = path.read_bytes()
    except OSError:
        raise UsageError("JICHU_EXCHANGE_KEY 所指的私钥文件读不到") from None
    if wanted == "sm2":
        if not sm2.is_sm2(content):
            raise UsageError(f"JICHU_SIGN=sm2，而 JICHU_EXCHANGE_KEY 所指的不是没有口令的 SM2 私钥（{GENERATE['sm2']}）")
        return Signer(path)
    return Signer(_ed25519(content))


def _ed25519(content: bytes) -> Ed25519PrivateKey:
    try:
        key = load_pem_private_key(content, password=None)
    except (ValueError, TypeError):
        raise UsageError("JICHU_EXCHANGE_KEY 所指的文件不是没有口令的 PEM 私钥") from None
    except UnsupportedAlgorithm:
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise UsageError("JICHU_EXCHANGE_KEY 须为 Ed25519 私钥，不是别的算法；SM2 私钥要同时设 JICHU_SIGN=sm2")
    return key


def verify(who: str, algorithm: str | None, message: bytes, signature: str, what: str) -> bool:
    """Whether it is signed, and then rightly; PackageRefused for a wrong signature, an unknown signer, or none where one is demanded."""
    if algorithm is None and not signature:
        if unsigned_allowed():
            return False
        raise PackageRefused(f"{what}没有签名，不收")
    if algorithm not in (ED25519, SM2):
        raise PackageRefused(f"{what}的签名算法不是 {ED25519} 或 {SM2}，不收")
    path, content = _trusted(who)
    if (algorithm == SM2) != sm2.is_sm2(content):
        raise PackageRefused(f"{what}用 {algorithm} 签名，而我们所信的 {who} 的公钥是另一种算法，不收")
    if not _signed(algorithm, who, path, content, message, signature):
        raise PackageRefused(f"{what}的签名与 {who} 的公钥对不上：内容被改过，或不是 {who} 所签")
    return True


def _signed(algorithm: str, who: str, path: Path, content: bytes, message: bytes, signature: str) -> bool:
    try:
        told = base64.b64decode(signature, validate=True)
        if algorithm == SM2:
            return sm2.verify(path, message, told)
        _public(who, content).verify(told, message)
    except (InvalidSignature, binascii.Error):
        return False
    return True


def _trusted(who: str) -> tuple[Path, bytes]:
    """The file of a sender's public key, and what it holds."""
    folder = os.environ.get("JICHU_EXCHANGE_TRUST")
    if not folder:
        raise UsageError("没有可信公钥：把 JICHU_EXCHANGE_TRUST 指向存放 <代码>.pem 公钥的文件夹")
    path = Path(folder) / f"{who}.pem"
    try:
        return path, path.read_bytes()
    except FileNotFoundError:
        raise PackageRefused(f"不认识 {who}：JICHU_EXCHANGE_TRUST 中没有它的公钥 {who}.pem") from None
    except OSError:
        raise UsageError(f"{who} 的公钥文件读不出：须为 PEM 公钥（openssl pkey -in 私钥 -pubout）") from None


def _public(who: str, content: bytes) -> Ed25519PublicKey:
    try:
        key = load_pem_public_key(content)
    except (ValueError, UnsupportedAlgorithm):
        raise UsageError(f"{who} 的公钥文件读不出：须为 PEM 公钥（openssl pkey -in 私钥 -pubout）") from None
    if not isinstance(key, Ed25519PublicKey):
        raise UsageError(f"{who} 的公钥须为 Ed25519 或 SM2")
    return key
